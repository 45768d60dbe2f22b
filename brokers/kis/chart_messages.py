"""Answers about history: daily and minute bars of a stock, daily bars of an index.

Prices are won a share, volumes shares, values won, rates per cent; index levels are points. Comments give KIS's names.
Source: official samples (885dd4e) and the API workbook of 2026-09-11; read 2026-11-23.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from brokers.kis.wire import Record, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyPriceRow(Record):
    """One of the last 30 days, weeks or months."""

    day: Annotated[dt.date, Wire("stck_bsop_date")]  # 주식 영업 일자
    open: Annotated[int, Wire("stck_oprc")]  # 주식 시가
    high: Annotated[int, Wire("stck_hgpr")]  # 주식 최고가
    low: Annotated[int, Wire("stck_lwpr")]  # 주식 최저가
    close: Annotated[int, Wire("stck_clpr")]  # 주식 종가
    volume: Annotated[int, Wire("acml_vol")]  # 누적 거래량
    volume_percent: Annotated[Decimal | None, Wire("prdy_vrss_vol_rate", places=2)] = None
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    foreign_percent: Annotated[Decimal | None, Wire("hts_frgn_ehrt", places=2)] = None  # HTS 외국인 소진율
    foreign_net_bought: Annotated[int | None, Wire("frgn_ntby_qty")] = None  # 외국인 순매수 수량
    adjustment_code: Annotated[str, Wire("flng_cls_code")] = ""  # 락 구분 코드
    split_rate: Annotated[Decimal | None, Wire("acml_prtt_rate", places=2)] = None  # 누적 분할 비율


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartHead(Record):
    """The instrument whose bars follow, as it stands now."""

    ticker: Annotated[str, Wire("stck_shrn_iscd")] = ""  # 주식 단축 종목코드
    name: Annotated[str, Wire("hts_kor_isnm")] = ""  # HTS 한글 종목명
    price: Annotated[int | None, Wire("stck_prpr")] = None  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    previous_close: Annotated[int | None, Wire("stck_prdy_clpr")] = None  # 주식 전일 종가
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    previous_volume: Annotated[int | None, Wire("prdy_vol")] = None  # 전일 거래량
    upper_limit: Annotated[int | None, Wire("stck_mxpr")] = None  # 주식 상한가
    lower_limit: Annotated[int | None, Wire("stck_llam")] = None  # 주식 하한가
    open: Annotated[int | None, Wire("stck_oprc")] = None  # 주식 시가2
    high: Annotated[int | None, Wire("stck_hgpr")] = None  # 주식 최고가
    low: Annotated[int | None, Wire("stck_lwpr")] = None  # 주식 최저가
    previous_open: Annotated[int | None, Wire("stck_prdy_oprc")] = None  # 주식 전일 시가
    previous_high: Annotated[int | None, Wire("stck_prdy_hgpr")] = None  # 주식 전일 최고가
    previous_low: Annotated[int | None, Wire("stck_prdy_lwpr")] = None  # 주식 전일 최저가
    ask: Annotated[int | None, Wire("askp")] = None  # 매도호가
    bid: Annotated[int | None, Wire("bidp")] = None  # 매수호가
    shares: Annotated[int | None, Wire("lstn_stcn")] = None  # 상장 주수
    market_cap_eok: Annotated[int | None, Wire("hts_avls")] = None  # HTS 시가총액


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleRow(Record):
    """One bar of a day, week, month or year, newest first."""

    day: Annotated[dt.date, Wire("stck_bsop_date")]  # 주식 영업 일자
    close: Annotated[int, Wire("stck_clpr")]  # 주식 종가
    open: Annotated[int, Wire("stck_oprc")]  # 주식 시가
    high: Annotated[int, Wire("stck_hgpr")]  # 주식 최고가
    low: Annotated[int, Wire("stck_lwpr")]  # 주식 최저가
    volume: Annotated[int, Wire("acml_vol")]  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    adjustment_code: Annotated[str, Wire("flng_cls_code")] = ""  # 락 구분 코드
    split_rate: Annotated[Decimal | None, Wire("prtt_rate", places=2)] = None  # 분할 비율
    changed: Annotated[bool | None, Wire("mod_yn")] = None  # 분할변경여부
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    revaluation: Annotated[str, Wire("revl_issu_reas")] = ""  # 재평가사유코드


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteHead(Record):
    """The instrument whose minutes follow, as it stands now."""

    name: Annotated[str, Wire("hts_kor_isnm")] = ""  # 한글 종목명
    price: Annotated[int | None, Wire("stck_prpr")] = None  # 주식 현재가
    change: Annotated[int | None, Wire("prdy_vrss")] = None  # 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("prdy_ctrt", places=2)] = None  # 전일 대비율
    previous_close: Annotated[int | None, Wire("stck_prdy_clpr")] = None  # 전일대비 종가
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래대금


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteRow(Record):
    """One minute, newest first. A running minute is not final; cumulative_value counts from the open."""

    day: Annotated[dt.date, Wire("stck_bsop_date")]  # 주식 영업일자
    time: Annotated[dt.time, Wire("stck_cntg_hour")]  # 주식 체결시간
    close: Annotated[int, Wire("stck_prpr")]  # 주식 현재가
    open: Annotated[int, Wire("stck_oprc")]  # 주식 시가
    high: Annotated[int, Wire("stck_hgpr")]  # 주식 최고가
    low: Annotated[int, Wire("stck_lwpr")]  # 주식 최저가
    volume: Annotated[int, Wire("cntg_vol")]  # 체결 거래량
    cumulative_value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래대금


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChartHead(Record):
    """The index whose bars follow, as it stands now; the level of an index on paper."""

    level: Annotated[Decimal, Wire("bstp_nmix_prpr", places=2)]  # 업종 지수 현재가
    change: Annotated[Decimal | None, Wire("bstp_nmix_prdy_vrss", places=2)] = None  # 업종 지수 전일 대비
    change_sign: Annotated[str, Wire("prdy_vrss_sign")] = ""  # 전일 대비 부호
    change_percent: Annotated[Decimal | None, Wire("bstp_nmix_prdy_ctrt", places=2)] = None
    previous_level: Annotated[Decimal | None, Wire("prdy_nmix", places=2)] = None  # 전일 지수
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    name: Annotated[str, Wire("hts_kor_isnm")] = ""  # HTS 한글 종목명
    code: Annotated[str, Wire("bstp_cls_code")] = ""  # 업종 구분 코드
    previous_volume: Annotated[int | None, Wire("prdy_vol")] = None  # 전일 거래량
    open: Annotated[Decimal | None, Wire("bstp_nmix_oprc", places=2)] = None  # 업종 지수 시가
    high: Annotated[Decimal | None, Wire("bstp_nmix_hgpr", places=2)] = None  # 업종 지수 최고가
    low: Annotated[Decimal | None, Wire("bstp_nmix_lwpr", places=2)] = None  # 업종 지수 최저가


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCandleRow(Record):
    """One bar of an index, newest first."""

    day: Annotated[dt.date, Wire("stck_bsop_date")]  # 영업 일자
    close: Annotated[Decimal, Wire("bstp_nmix_prpr", places=2)]  # 업종 지수 현재가
    open: Annotated[Decimal, Wire("bstp_nmix_oprc", places=2)]  # 업종 지수 시가
    high: Annotated[Decimal, Wire("bstp_nmix_hgpr", places=2)]  # 업종 지수 최고가
    low: Annotated[Decimal, Wire("bstp_nmix_lwpr", places=2)]  # 업종 지수 최저가
    volume: Annotated[int | None, Wire("acml_vol")] = None  # 누적 거래량
    value: Annotated[int | None, Wire("acml_tr_pbmn")] = None  # 누적 거래 대금
    changed: Annotated[bool | None, Wire("mod_yn")] = None  # 변경 여부
