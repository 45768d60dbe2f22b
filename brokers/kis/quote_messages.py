"""Answers about one instrument at one instant: price, order book, last trades.

Prices are won a share, quantities shares, amounts won, rates per cent. Comments give KIS's names.
Source: official samples (885dd4e) and the API workbook of 2026-09-11; read 2026-11-23.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from brokers.kis.wire import Record, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceQuote(Record):
    """The state of one instrument. market_cap_eok is in units of 100,000,000 won (억원)."""

    ticker: Annotated[str, Wire("stck_shrn_iscd")]  # 주식 단축 종목코드
    price: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    volume: Annotated[int, Wire("acml_vol")]  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    volume_percent: Annotated[Decimal | None, Wire("prdy_vrss_vol_rate", places=2)] = None
    open: Annotated[int | None, Wire("stck_oprc")] = None  # 주식 시가
    high: Annotated[int | None, Wire("stck_hgpr")] = None  # 주식 최고가
    low: Annotated[int | None, Wire("stck_lwpr")] = None  # 주식 최저가
    upper_limit: Annotated[int | None, Wire("stck_mxpr")] = None  # 상한가
    lower_limit: Annotated[int | None, Wire("stck_llam")] = None  # 하한가
    base_price: Annotated[int | None, Wire("stck_sdpr")] = None  # 주식 기준가
    tick: Annotated[int | None, Wire("aspr_unit")] = None  # 호가단위
    average_price: Annotated[Decimal | None, Wire("wghn_avrg_stck_prc", places=2)] = None
    shares: Annotated[int | None, Wire("lstn_stcn")] = None  # 상장 주수
    market_cap_eok: Annotated[int | None, Wire("hts_avls")] = None  # HTS 시가총액
    turnover_percent: Annotated[Decimal | None, Wire("vol_tnrt", places=2)] = None  # 거래량 회전율
    per: Annotated[Decimal | None, Wire("per", places=2)] = None  # PER
    pbr: Annotated[Decimal | None, Wire("pbr", places=2)] = None  # PBR
    eps: Annotated[Decimal | None, Wire("eps", places=2)] = None  # EPS
    bps: Annotated[Decimal | None, Wire("bps", places=2)] = None  # BPS
    high_52_weeks: Annotated[int | None, Wire("w52_hgpr")] = None  # 52주일 최고가
    high_52_weeks_date: Annotated[dt.date | None, Wire("w52_hgpr_date")] = None  # 52주일 최고가 일자
    low_52_weeks: Annotated[int | None, Wire("w52_lwpr")] = None  # 52주일 최저가
    low_52_weeks_date: Annotated[dt.date | None, Wire("w52_lwpr_date")] = None  # 52주일 최저가 일자
    market_name: Annotated[str, Wire("rprs_mrkt_kor_name")] = ""  # 대표 시장 한글 명
    sector_name: Annotated[str, Wire("bstp_kor_isnm")] = ""  # 업종 한글 종목명
    status_code: Annotated[str, Wire("iscd_stat_cls_code")] = ""  # 종목 상태 구분 코드
    halted: Annotated[bool | None, Wire("temp_stop_yn")] = None  # 임시 정지 여부
    interruption_code: Annotated[str, Wire("vi_cls_code")] = ""  # VI적용구분코드
    warning_code: Annotated[str, Wire("mrkt_warn_cls_code")] = ""  # 시장경고코드
    overheated: Annotated[bool | None, Wire("short_over_yn")] = None  # 단기과열여부
    liquidation: Annotated[bool | None, Wire("sltr_yn")] = None  # 정리매매여부
    managed_code: Annotated[str, Wire("mang_issu_cls_code")] = ""  # 관리종목여부
    caution: Annotated[bool | None, Wire("invt_caful_yn")] = None  # 투자유의여부
    margin_percent: Annotated[Decimal | None, Wire("marg_rate", places=2)] = None  # 증거금 비율


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDetail(Record):
    """More of the state of one instrument; live only."""

    price: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    previous_close: Annotated[int, Wire("stck_prdy_clpr")]  # 주식 전일 종가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    volume: Annotated[int, Wire("acml_vol")]  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    previous_volume: Annotated[int | None, Wire("prdy_vol")] = None  # 전일 거래량
    volume_percent: Annotated[Decimal | None, Wire("prdy_vrss_vol_rate", places=2)] = None
    open: Annotated[int | None, Wire("stck_oprc")] = None  # 주식 시가2
    high: Annotated[int | None, Wire("stck_hgpr")] = None  # 주식 최고가
    low: Annotated[int | None, Wire("stck_lwpr")] = None  # 주식 최저가
    upper_limit: Annotated[int | None, Wire("stck_mxpr")] = None  # 주식 상한가
    lower_limit: Annotated[int | None, Wire("stck_llam")] = None  # 주식 하한가
    base_price: Annotated[int | None, Wire("stck_sdpr")] = None  # 주식 기준가
    market_name: Annotated[str, Wire("rprs_mrkt_kor_name")] = ""  # 대표 시장 한글 명
    sector_name: Annotated[str, Wire("bstp_kor_isnm")] = ""  # 업종 한글 종목명
    sector_code: Annotated[str, Wire("bstp_cls_code")] = ""  # 업종 구분 코드
    halted: Annotated[bool | None, Wire("trht_yn")] = None  # 거래정지 여부
    managed: Annotated[bool | None, Wire("mang_issu_yn")] = None  # 관리 종목 여부
    liquidation: Annotated[bool | None, Wire("sltr_yn")] = None  # 정리매매 여부
    overheated: Annotated[bool | None, Wire("short_over_yn")] = None  # 단기과열여부
    caution: Annotated[bool | None, Wire("invt_caful_yn")] = None  # 투자유의여부
    warning_code: Annotated[str, Wire("mrkt_warn_cls_code")] = ""  # 시장경고코드
    interruption_code: Annotated[str, Wire("vi_cls_code")] = ""  # VI적용구분코드
    illiquid: Annotated[bool | None, Wire("low_current_yn")] = None  # 저유동성 종목 여부


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBook(Record):
    """Ten levels a side, best first; a level without orders has price and quantity 0."""

    time: Annotated[dt.time | None, Wire("aspr_acpt_hour")] = None  # 호가 접수 시간
    asks: Annotated[tuple[int, ...], Wire("askp{}", count=10)]  # 매도호가
    bids: Annotated[tuple[int, ...], Wire("bidp{}", count=10)]  # 매수호가
    ask_quantities: Annotated[tuple[int, ...], Wire("askp_rsqn{}", count=10)]  # 매도호가 잔량
    bid_quantities: Annotated[tuple[int, ...], Wire("bidp_rsqn{}", count=10)]  # 매수호가 잔량
    ask_changes: Annotated[tuple[int, ...], Wire("askp_rsqn_icdc{}", count=10)]  # 매도호가 잔량 증감
    bid_changes: Annotated[tuple[int, ...], Wire("bidp_rsqn_icdc{}", count=10)]  # 매수호가 잔량 증감
    ask_total: Annotated[int | None, Wire("total_askp_rsqn")] = None  # 총 매도호가 잔량
    bid_total: Annotated[int | None, Wire("total_bidp_rsqn")] = None  # 총 매수호가 잔량
    net_bid_quantity: Annotated[int | None, Wire("ntby_aspr_rsqn")] = None  # 순매수 호가 잔량
    phase_code: Annotated[str, Wire("new_mkop_cls_code")] = ""  # 신 장운영 구분 코드


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTrade(Record):
    """What the auction would give now, beside the last price."""

    phase_code: Annotated[str, Wire("antc_mkop_cls_code")] = ""  # 예상 장운영 구분 코드
    ticker: Annotated[str, Wire("stck_shrn_iscd")] = ""  # 주식 단축 종목코드
    price: Annotated[int | None, Wire("stck_prpr")] = None  # 주식 현재가
    open: Annotated[int | None, Wire("stck_oprc")] = None  # 주식 시가
    high: Annotated[int | None, Wire("stck_hgpr")] = None  # 주식 최고가
    low: Annotated[int | None, Wire("stck_lwpr")] = None  # 주식 최저가
    base_price: Annotated[int | None, Wire("stck_sdpr")] = None  # 주식 기준가
    expected_price: Annotated[int | None, Wire("antc_cnpr")] = None  # 예상 체결가
    expected_change: Annotated[int | None, Wire("antc_cntg_vrss")] = None  # 예상 체결 대비
    expected_sign: Annotated[str, Wire("antc_cntg_vrss_sign")] = ""  # 예상 체결 대비 부호
    expected_change_percent: Annotated[Decimal | None, Wire("antc_cntg_prdy_ctrt", places=2)] = None
    expected_volume: Annotated[int | None, Wire("antc_vol")] = None  # 예상 거래량
    interruption_code: Annotated[str, Wire("vi_cls_code")] = ""  # VI적용구분코드


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow(Record):
    """One of the last trades, newest first. The quantity has no side; strength is 체결강도."""

    time: Annotated[dt.time, Wire("stck_cntg_hour")]  # 주식 체결 시간
    price: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    quantity: Annotated[int, Wire("cntg_vol")]  # 체결 거래량
    strength_percent: Annotated[Decimal | None, Wire("tday_rltv", places=2)] = None  # 당일 체결강도
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedTradesHead(Record):
    """The instrument whose trades follow."""

    price: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    previous_volume: Annotated[int | None, Wire("prdy_vol")] = None  # 전일 거래량
    market_name: Annotated[str, Wire("rprs_mrkt_kor_name")] = ""  # 대표 시장 한글 명


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedTradeRow(Record):
    """One trade of today, up to the hour asked for, newest first."""

    time: Annotated[dt.time, Wire("stck_cntg_hour")]  # 주식 체결 시간
    price: Annotated[int, Wire("stck_pbpr")]  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    ask: Annotated[int | None, Wire("askp")] = None  # 매도호가
    bid: Annotated[int | None, Wire("bidp")] = None  # 매수호가
    strength_percent: Annotated[Decimal | None, Wire("tday_rltv", places=2)] = None  # 당일 체결강도
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    quantity: Annotated[int, Wire("cnqn")]  # 체결량


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiQuoteRow(Record):
    """One of at most thirty instruments asked for in one call, in the order asked."""

    ticker: Annotated[str, Wire("inter_shrn_iscd")]  # 종목코드
    name: Annotated[str, Wire("inter_kor_isnm")] = ""  # 관심 한글 종목명
    price: Annotated[int, Wire("inter2_prpr")]  # 현재가
    change: Annotated[int | None, Wire("inter2_prdy_vrss")] = None  # 관심2 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    volume: Annotated[int, Wire("acml_vol")]  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    open: Annotated[int | None, Wire("inter2_oprc")] = None  # 시가
    high: Annotated[int | None, Wire("inter2_hgpr")] = None  # 관심2 고가
    low: Annotated[int | None, Wire("inter2_lwpr")] = None  # 관심2 저가
    lower_limit: Annotated[int | None, Wire("inter2_llam")] = None  # 관심2 하한가
    upper_limit: Annotated[int | None, Wire("inter2_mxpr")] = None  # 관심2 상한가
    ask: Annotated[int | None, Wire("inter2_askp")] = None  # 매도1호가
    bid: Annotated[int | None, Wire("inter2_bidp")] = None  # 매수1호가
    ask_quantity: Annotated[int | None, Wire("seln_rsqn")] = None  # 매도 잔량
    bid_quantity: Annotated[int | None, Wire("shnu_rsqn")] = None  # 매수2 잔량
    ask_total: Annotated[int | None, Wire("total_askp_rsqn")] = None  # 총 매도호가 잔량
    bid_total: Annotated[int | None, Wire("total_bidp_rsqn")] = None  # 총 매수호가 잔량
    previous_close: Annotated[int | None, Wire("inter2_prdy_clpr")] = None  # 관심2 전일 종가
    base_price: Annotated[int | None, Wire("inter2_sdpr")] = None  # 기준가
    market_name: Annotated[str, Wire("kospi_kosdaq_cls_name")] = ""  # 코스피 코스닥 구분 명
    measure_name: Annotated[str, Wire("mrkt_trtm_cls_name")] = ""  # 시장 조치 구분 명
    hour_code: Annotated[str, Wire("hour_cls_code")] = ""  # 시간 구분 코드
    expected_volume: Annotated[int | None, Wire("intr_antc_vol")] = None  # 관심 예상 거래량
