"""Answers about the market: rankings, indices, holidays, volatility interruptions, instruments.

Prices are won a share, volumes shares, values won, rates per cent. Comments give KIS's names.
Source: official samples (885dd4e) and the API workbook of 2026-09-11; read 2026-11-23.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from brokers.kis.wire import Record, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRankRow(Record):
    """A place in the ranking by volume. growth_percent is 거래량증가율, turnover_percent 회전율."""

    ticker: Annotated[str, Wire("mksc_shrn_iscd")]  # 유가증권 단축 종목코드
    name: Annotated[str, Wire("hts_kor_isnm")] = ""  # HTS 한글 종목명
    rank: Annotated[int, Wire("data_rank")]  # 데이터 순위
    price: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    volume: Annotated[int, Wire("acml_vol")]  # 누적 거래량
    previous_volume: Annotated[int | None, Wire("prdy_vol")] = None  # 전일 거래량
    shares: Annotated[int | None, Wire("lstn_stcn")] = None  # 상장 주식수
    average_volume: Annotated[int | None, Wire("avrg_vol")] = None  # 평균 거래량
    growth_percent: Annotated[Decimal | None, Wire("vol_inrt", places=2)] = None  # 거래량증가율
    turnover_percent: Annotated[Decimal | None, Wire("vol_tnrt", places=2)] = None  # 거래량회전율
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    average_value: Annotated[int | None, Wire("avrg_tr_pbmn")] = None  # 평균 거래 대금


@dataclass(frozen=True, slots=True, kw_only=True)
class FluctuationRow(Record):
    """A place in the ranking by change of price."""

    ticker: Annotated[str, Wire("stck_shrn_iscd")]  # 주식 단축 종목코드
    rank: Annotated[int, Wire("data_rank")]  # 데이터 순위
    name: Annotated[str, Wire("hts_kor_isnm")] = ""  # HTS 한글 종목명
    price: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal, Wire("prdy_ctrt", places=2)]  # 전일 대비율
    volume: Annotated[int, Wire("acml_vol")]  # 누적 거래량
    high: Annotated[int | None, Wire("stck_hgpr")] = None  # 주식 최고가
    high_time: Annotated[dt.time | None, Wire("hgpr_hour")] = None  # 최고가 시간
    low: Annotated[int | None, Wire("stck_lwpr")] = None  # 주식 최저가
    low_time: Annotated[dt.time | None, Wire("lwpr_hour")] = None  # 최저가 시간
    days_rising: Annotated[int | None, Wire("cnnt_ascn_dynu")] = None  # 연속 상승 일수
    days_falling: Annotated[int | None, Wire("cnnt_down_dynu")] = None  # 연속 하락 일수
    period_change: Annotated[int | None, Wire("prd_rsfl")] = None  # 기간 등락
    period_percent: Annotated[Decimal | None, Wire("prd_rsfl_rate", places=2)] = None  # 기간 등락 비율


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketCapRow(Record):
    """A place in the ranking by market value, which is in units of 100,000,000 won (억원)."""

    ticker: Annotated[str, Wire("mksc_shrn_iscd")]  # 유가증권 단축 종목코드
    rank: Annotated[int, Wire("data_rank")]  # 데이터 순위
    name: Annotated[str, Wire("hts_kor_isnm")] = ""  # HTS 한글 종목명
    price: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    shares: Annotated[int | None, Wire("lstn_stcn")] = None  # 상장 주수
    market_cap_eok: Annotated[int, Wire("stck_avls")]  # 시가 총액
    weight_percent: Annotated[Decimal | None, Wire("mrkt_whol_avls_rlim", places=2)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPrice(Record):
    """An index now, with the breadth of its market."""

    level: Annotated[Decimal, Wire("bstp_nmix_prpr", places=2)]  # 업종 지수 현재가
    change: Annotated[Decimal | None, Wire("bstp_nmix_prdy_vrss", places=2)] = None  # 업종 지수 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("bstp_nmix_prdy_ctrt", places=2)] = None
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    previous_volume: Annotated[int | None, Wire("prdy_vol")] = None  # 전일 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    previous_value: Annotated[int | None, Wire("prdy_tr_pbmn")] = None  # 전일 거래 대금
    open: Annotated[Decimal | None, Wire("bstp_nmix_oprc", places=2)] = None  # 업종 지수 시가
    high: Annotated[Decimal | None, Wire("bstp_nmix_hgpr", places=2)] = None  # 업종 지수 최고가
    low: Annotated[Decimal | None, Wire("bstp_nmix_lwpr", places=2)] = None  # 업종 지수 최저가
    advancers: Annotated[int | None, Wire("ascn_issu_cnt")] = None  # 상승 종목 수
    at_upper_limit: Annotated[int | None, Wire("uplm_issu_cnt")] = None  # 상한 종목 수
    unchanged: Annotated[int | None, Wire("stnr_issu_cnt")] = None  # 보합 종목 수
    decliners: Annotated[int | None, Wire("down_issu_cnt")] = None  # 하락 종목 수
    at_lower_limit: Annotated[int | None, Wire("lslm_issu_cnt")] = None  # 하한 종목 수


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayRow(Record):
    """One day of the calendar; open is the one that says whether orders are possible."""

    day: Annotated[dt.date, Wire("bass_dt")]  # 기준일자
    weekday_code: Annotated[str, Wire("wday_dvsn_cd")] = ""  # 요일구분코드
    business: Annotated[bool | None, Wire("bzdy_yn")] = None  # 영업일여부
    trading: Annotated[bool | None, Wire("tr_day_yn")] = None  # 거래일여부
    open: Annotated[bool, Wire("opnd_yn")]  # 개장일여부
    settlement: Annotated[bool | None, Wire("sttl_day_yn")] = None  # 결제일여부


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptionRow(Record):
    """A volatility interruption (VI) of one instrument."""

    name: Annotated[str, Wire("hts_kor_isnm")] = ""  # HTS 한글 종목명
    ticker: Annotated[str, Wire("mksc_shrn_iscd")]  # 유가증권 단축 종목코드
    state_code: Annotated[str, Wire("vi_cls_code")]  # VI발동상태
    day: Annotated[dt.date, Wire("bsop_date")]  # 영업 일자
    began: Annotated[dt.time | None, Wire("cntg_vi_hour")] = None  # VI발동시간
    ended: Annotated[dt.time | None, Wire("vi_cncl_hour")] = None  # VI해제시간
    kind_code: Annotated[str, Wire("vi_kind_code")] = ""  # VI종류코드
    price: Annotated[int | None, Wire("vi_prc")] = None  # VI발동가격
    static_base: Annotated[int | None, Wire("vi_stnd_prc")] = None  # 정적VI발동기준가격
    static_percent: Annotated[Decimal | None, Wire("vi_dprt", places=2)] = None  # 정적VI발동괴리율
    dynamic_base: Annotated[int | None, Wire("vi_dmc_stnd_prc")] = None  # 동적VI발동기준가격
    dynamic_percent: Annotated[Decimal | None, Wire("vi_dmc_dprt", places=2)] = None  # 동적VI발동괴리율
    count: Annotated[int | None, Wire("vi_count")] = None  # VI발동횟수


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductInfo(Record):
    """What an instrument is called."""

    product_code: Annotated[str, Wire("pdno")]  # 상품번호
    product_type: Annotated[str, Wire("prdt_type_cd")] = ""  # 상품유형코드
    name: Annotated[str, Wire("prdt_name")] = ""  # 상품명
    long_name: Annotated[str, Wire("prdt_name120")] = ""  # 상품명120
    short_name: Annotated[str, Wire("prdt_abrv_name")] = ""  # 상품약어명
    english_name: Annotated[str, Wire("prdt_eng_name")] = ""  # 상품영문명
    english_long_name: Annotated[str, Wire("prdt_eng_name120")] = ""  # 상품영문명120
    english_short_name: Annotated[str, Wire("prdt_eng_abrv_name")] = ""  # 상품영문약어명
    isin: Annotated[str, Wire("std_pdno")] = ""  # 표준상품번호
    ticker: Annotated[str, Wire("shtn_pdno")] = ""  # 단축상품번호


@dataclass(frozen=True, slots=True, kw_only=True)
class StockInfo(Record):
    """What a stock is: market, listing, shares, state."""

    product_code: Annotated[str, Wire("pdno")]  # 상품번호
    product_type: Annotated[str, Wire("prdt_type_cd")] = ""  # 상품유형코드
    name: Annotated[str, Wire("prdt_name")] = ""  # 상품명
    long_name: Annotated[str, Wire("prdt_name120")] = ""  # 상품명
    short_name: Annotated[str, Wire("prdt_abrv_name")] = ""  # 상품약어명
    english_name: Annotated[str, Wire("prdt_eng_name")] = ""  # 상품영문명
    market_code: Annotated[str, Wire("mket_id_cd")]  # 시장ID코드
    group_code: Annotated[str, Wire("scty_grp_id_cd")] = ""  # 증권그룹ID코드
    exchange_code: Annotated[str, Wire("excg_dvsn_cd")] = ""  # 거래소구분코드
    shares: Annotated[int | None, Wire("lstg_stqt")] = None  # 상장주수
    face_value: Annotated[int | None, Wire("papr")] = None  # 액면가
    in_kospi200: Annotated[bool | None, Wire("kospi200_item_yn")] = None  # 코스피200종목여부
    listed_kospi: Annotated[dt.date | None, Wire("scts_mket_lstg_dt")] = None  # 유가증권시장상장일자
    delisted_kospi: Annotated[dt.date | None, Wire("scts_mket_lstg_abol_dt")] = None  # 유가증권시장상장폐지일자
    listed_kosdaq: Annotated[dt.date | None, Wire("kosdaq_mket_lstg_dt")] = None  # 코스닥시장상장일자
    delisted_kosdaq: Annotated[dt.date | None, Wire("kosdaq_mket_lstg_abol_dt")] = None  # 코스닥시장상장폐지일자
    delisted: Annotated[dt.date | None, Wire("lstg_abol_dt")] = None  # 상장폐지일자
    sector_large: Annotated[str, Wire("idx_bztp_lcls_cd_name")] = ""  # 지수업종대분류코드명
    sector_middle: Annotated[str, Wire("idx_bztp_mcls_cd_name")] = ""  # 지수업종중분류코드명
    sector_small: Annotated[str, Wire("idx_bztp_scls_cd_name")] = ""  # 지수업종소분류코드명
    isin: Annotated[str, Wire("std_pdno")] = ""  # 표준상품번호
    etf_type: Annotated[str, Wire("etf_type_cd")] = ""  # ETF유형코드
    halted: Annotated[bool | None, Wire("tr_stop_yn")] = None  # 거래정지여부
    managed: Annotated[bool | None, Wire("admn_item_yn")] = None  # 관리종목여부
    close: Annotated[int | None, Wire("thdt_clpr")] = None  # 당일종가
    previous_close: Annotated[int | None, Wire("bfdy_clpr")] = None  # 전일종가
    on_nxt: Annotated[bool | None, Wire("cptt_trad_tr_psbl_yn")] = None  # NXT 거래종목여부
    halted_on_nxt: Annotated[bool | None, Wire("nxt_tr_stop_yn")] = None  # NXT 거래정지여부
