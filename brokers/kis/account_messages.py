"""Answers about the account: holdings, cash, realised profit.

Amounts are won, quantities shares, rates per cent. Comments give KIS's names.
Source: official samples (885dd4e) and the API workbook of 2026-09-11; read 2026-11-23.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from brokers.kis.wire import Record, Wire

# Source: the rows of inquire_account_balance have no name; this is their order in the official sample.
ASSET_CLASSES = (
    "주식",
    "펀드/MMW",
    "IMA",
    "채권",
    "ELS/DLS",
    "WRAP",
    "신탁",
    "RP/발행어음",
    "해외주식",
    "해외채권",
    "금현물",
    "CD/CP",
    "전자단기사채",
    "타사상품",
    "외화전자단기사채",
    "외화ELS/DLS",
    "외화",
    "예수금",
    "청약자예수금",
    "합계",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow(Record):
    """One holding, or one loan date of it. Rows with no shares stay until D-2 after a full sale."""

    ticker: Annotated[str, Wire("pdno")]  # 상품번호
    name: Annotated[str, Wire("prdt_name")] = ""  # 상품명
    trade_kind: Annotated[str, Wire("trad_dvsn_name")] = ""  # 매매구분명
    bought_yesterday: Annotated[int | None, Wire("bfdy_buy_qty")] = None  # 전일매수수량
    sold_yesterday: Annotated[int | None, Wire("bfdy_sll_qty")] = None  # 전일매도수량
    bought_today: Annotated[int | None, Wire("thdt_buyqty")] = None  # 금일매수수량
    sold_today: Annotated[int | None, Wire("thdt_sll_qty")] = None  # 금일매도수량
    quantity: Annotated[int, Wire("hldg_qty")]  # 보유수량
    sellable: Annotated[int, Wire("ord_psbl_qty")]  # 주문가능수량
    average_price: Annotated[Decimal | None, Wire("pchs_avg_pric", places=4)] = None  # 매입평균가격
    cost: Annotated[int, Wire("pchs_amt")]  # 매입금액
    price: Annotated[int | None, Wire("prpr")] = None  # 현재가
    value: Annotated[int | None, Wire("evlu_amt")] = None  # 평가금액
    profit: Annotated[int | None, Wire("evlu_pfls_amt")] = None  # 평가손익금액
    profit_percent: Annotated[Decimal | None, Wire("evlu_pfls_rt", places=2)] = None  # 평가손익율
    return_percent: Annotated[Decimal | None, Wire("evlu_erng_rt", places=8)] = None  # 평가수익율
    loan_date: Annotated[dt.date | None, Wire("loan_dt")] = None  # 대출일자
    loan_amount: Annotated[int | None, Wire("loan_amt")] = None  # 대출금액
    expiry: Annotated[dt.date | None, Wire("expd_dt")] = None  # 만기일자
    change_percent: Annotated[Decimal | None, Wire("fltt_rt", places=8)] = None  # 등락율
    change: Annotated[int | None, Wire("bfdy_cprs_icdc")] = None  # 전일대비증감


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceTotals(Record):
    """Cash and sums of the account. Settlement is T+2: deposit is D, then D+1 and D+2."""

    deposit: Annotated[int, Wire("dnca_tot_amt")]  # 예수금총금액
    deposit_d1: Annotated[int, Wire("nxdy_excc_amt")]  # 익일정산금액 = D+1 예수금
    deposit_d2: Annotated[int, Wire("prvs_rcdl_excc_amt")]  # 가수도정산금액 = D+2 예수금
    bought_yesterday: Annotated[int | None, Wire("bfdy_buy_amt")] = None  # 전일매수금액
    bought_today: Annotated[int | None, Wire("thdt_buy_amt")] = None  # 금일매수금액
    sold_yesterday: Annotated[int | None, Wire("bfdy_sll_amt")] = None  # 전일매도금액
    sold_today: Annotated[int | None, Wire("thdt_sll_amt")] = None  # 금일매도금액
    costs_yesterday: Annotated[int | None, Wire("bfdy_tlex_amt")] = None  # 전일제비용금액
    costs_today: Annotated[int | None, Wire("thdt_tlex_amt")] = None  # 금일제비용금액
    loans: Annotated[int | None, Wire("tot_loan_amt")] = None  # 총대출금액
    stock_value: Annotated[int, Wire("scts_evlu_amt")]  # 유가평가금액
    total_value: Annotated[int, Wire("tot_evlu_amt")]  # 총평가금액
    net_assets: Annotated[int, Wire("nass_amt")]  # 순자산금액
    cost: Annotated[int | None, Wire("pchs_amt_smtl_amt")] = None  # 매입금액합계금액
    value: Annotated[int | None, Wire("evlu_amt_smtl_amt")] = None  # 평가금액합계금액
    profit: Annotated[int | None, Wire("evlu_pfls_smtl_amt")] = None  # 평가손익합계금액
    total_value_yesterday: Annotated[int | None, Wire("bfdy_tot_asst_evlu_amt")] = None  # 전일총자산평가금액
    change: Annotated[int | None, Wire("asst_icdc_amt")] = None  # 자산증감액
    change_percent: Annotated[Decimal | None, Wire("asst_icdc_erng_rt", places=8)] = None  # 자산증감수익율


@dataclass(frozen=True, slots=True, kw_only=True)
class RealizedBalanceTotals(BalanceTotals):
    """Sums of the account with today's realised profit."""

    realized_profit: Annotated[int, Wire("rlzt_pfls")]  # 실현손익
    realized_percent: Annotated[Decimal | None, Wire("rlzt_erng_rt")] = None  # 실현수익율
    net_profit: Annotated[int | None, Wire("real_evlu_pfls")] = None  # 실평가손익
    net_percent: Annotated[Decimal | None, Wire("real_evlu_pfls_erng_rt")] = None  # 실평가손익수익율


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRow(Record):
    """One class of assets. The twenty rows have no name; ASSET_CLASSES names them by their place."""

    cost: Annotated[int | None, Wire("pchs_amt")] = None  # 매입금액
    value: Annotated[int | None, Wire("evlu_amt")] = None  # 평가금액
    profit: Annotated[int | None, Wire("evlu_pfls_amt")] = None  # 평가손익금액
    credit_loan: Annotated[int | None, Wire("crdt_lnd_amt")] = None  # 신용대출금액
    net_assets: Annotated[int | None, Wire("real_nass_amt")] = None  # 실제순자산금액
    weight_percent: Annotated[Decimal | None, Wire("whol_weit_rt", places=8)] = None  # 전체비중율


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetTotals(Record):
    """Sums over all assets at KIS."""

    cost: Annotated[int | None, Wire("pchs_amt_smtl")] = None  # 매입금액합계
    net_assets: Annotated[int, Wire("nass_tot_amt")]  # 순자산총금액
    loans: Annotated[int | None, Wire("loan_amt_smtl")] = None  # 대출금액합계
    profit: Annotated[int | None, Wire("evlu_pfls_amt_smtl")] = None  # 평가손익금액합계
    value: Annotated[int | None, Wire("evlu_amt_smtl")] = None  # 평가금액합계
    total_assets: Annotated[int, Wire("tot_asst_amt")]  # 총자산금액
    total_deposit: Annotated[int, Wire("tot_dncl_amt")]  # 총예수금액
    deposit: Annotated[int, Wire("dncl_amt")]  # 예수금액
    receivable_today: Annotated[int | None, Wire("thdt_rcvb_amt")] = None  # 당일미수금액
    subscription_deposit: Annotated[int | None, Wire("sbsc_dncl_amt")] = None  # 청약예수금액


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodProfitRow(Record):
    """Realised profit of one day."""

    trade_date: Annotated[dt.date, Wire("trad_dt")]  # 매매일자
    bought: Annotated[int, Wire("buy_amt")]  # 매수금액
    sold: Annotated[int, Wire("sll_amt")]  # 매도금액
    realized_profit: Annotated[int, Wire("rlzt_pfls")]  # 실현손익
    fees: Annotated[int, Wire("fee")]  # 수수료
    loan_interest: Annotated[int | None, Wire("loan_int")] = None  # 대출이자
    taxes: Annotated[int, Wire("tl_tax")]  # 제세금
    profit_percent: Annotated[Decimal | None, Wire("pfls_rt", places=8)] = None  # 손익률
    sold_quantity: Annotated[int | None, Wire("sll_qty1")] = None  # 매도수량1
    bought_quantity: Annotated[int | None, Wire("buy_qty1")] = None  # 매수수량1


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodProfitTotals(Record):
    """Sums over the days of the range."""

    sold_quantity: Annotated[int | None, Wire("sll_qty_smtl")] = None  # 매도수량합계
    sold: Annotated[int, Wire("sll_tr_amt_smtl")]  # 매도거래금액합계
    sell_fees: Annotated[int | None, Wire("sll_fee_smtl")] = None  # 매도수수료합계
    sell_taxes: Annotated[int | None, Wire("sll_tltx_smtl")] = None  # 매도제세금합계
    sell_settled: Annotated[int | None, Wire("sll_excc_amt_smtl")] = None  # 매도정산금액합계
    bought_quantity: Annotated[int | None, Wire("buy_qty_smtl")] = None  # 매수수량합계
    bought: Annotated[int, Wire("buy_tr_amt_smtl")]  # 매수거래금액합계
    buy_fees: Annotated[int | None, Wire("buy_fee_smtl")] = None  # 매수수수료합계
    buy_taxes: Annotated[int | None, Wire("buy_tax_smtl")] = None  # 매수제세금합계
    buy_settled: Annotated[int | None, Wire("buy_excc_amt_smtl")] = None  # 매수정산금액합계
    quantity: Annotated[int | None, Wire("tot_qty")] = None  # 총수량
    amount: Annotated[int | None, Wire("tot_tr_amt")] = None  # 총거래금액
    fees: Annotated[int, Wire("tot_fee")]  # 총수수료
    taxes: Annotated[int, Wire("tot_tltx")]  # 총제세금
    settled: Annotated[int | None, Wire("tot_excc_amt")] = None  # 총정산금액
    realized_profit: Annotated[int, Wire("tot_rlzt_pfls")]  # 총실현손익
    loan_interest: Annotated[int | None, Wire("loan_int")] = None  # 대출이자


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeProfitRow(Record):
    """Realised profit of one instrument on one day."""

    trade_date: Annotated[dt.date, Wire("trad_dt")]  # 매매일자
    product_code: Annotated[str, Wire("pdno")]  # 상품번호
    name: Annotated[str, Wire("prdt_name")] = ""  # 상품명
    trade_kind: Annotated[str, Wire("trad_dvsn_name")] = ""  # 매매구분명
    loan_date: Annotated[dt.date | None, Wire("loan_dt")] = None  # 대출일자
    quantity: Annotated[int | None, Wire("hldg_qty")] = None  # 보유수량
    purchase_price: Annotated[Decimal | None, Wire("pchs_unpr")] = None  # 매입단가
    bought_quantity: Annotated[int | None, Wire("buy_qty")] = None  # 매수수량
    bought: Annotated[int | None, Wire("buy_amt")] = None  # 매수금액
    sell_price: Annotated[int | None, Wire("sll_pric")] = None  # 매도가격
    sold_quantity: Annotated[int | None, Wire("sll_qty")] = None  # 매도수량
    sold: Annotated[int, Wire("sll_amt")]  # 매도금액
    realized_profit: Annotated[int, Wire("rlzt_pfls")]  # 실현손익
    profit_percent: Annotated[Decimal | None, Wire("pfls_rt", places=8)] = None  # 손익률
    fees: Annotated[int, Wire("fee")]  # 수수료
    taxes: Annotated[int, Wire("tl_tax")]  # 제세금
    loan_interest: Annotated[int | None, Wire("loan_int")] = None  # 대출이자


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeProfitTotals(Record):
    """Sums over the trades of the range. KIS spells the bought quantity otherwise than in PeriodProfitTotals."""

    sold_quantity: Annotated[int | None, Wire("sll_qty_smtl")] = None  # 매도수량합계
    sold: Annotated[int, Wire("sll_tr_amt_smtl")]  # 매도거래금액합계
    sell_fees: Annotated[int | None, Wire("sll_fee_smtl")] = None  # 매도수수료합계
    sell_taxes: Annotated[int | None, Wire("sll_tltx_smtl")] = None  # 매도제세금합계
    sell_settled: Annotated[int | None, Wire("sll_excc_amt_smtl")] = None  # 매도정산금액합계
    bought_quantity: Annotated[int | None, Wire("buyqty_smtl")] = None  # 매수수량합계
    bought: Annotated[int, Wire("buy_tr_amt_smtl")]  # 매수거래금액합계
    buy_fees: Annotated[int | None, Wire("buy_fee_smtl")] = None  # 매수수수료합계
    buy_taxes: Annotated[int | None, Wire("buy_tax_smtl")] = None  # 매수제세금합계
    buy_settled: Annotated[int | None, Wire("buy_excc_amt_smtl")] = None  # 매수정산금액합계
    quantity: Annotated[int | None, Wire("tot_qty")] = None  # 총수량
    amount: Annotated[int | None, Wire("tot_tr_amt")] = None  # 총거래금액
    fees: Annotated[int, Wire("tot_fee")]  # 총수수료
    taxes: Annotated[int, Wire("tot_tltx")]  # 총제세금
    settled: Annotated[int | None, Wire("tot_excc_amt")] = None  # 총정산금액
    realized_profit: Annotated[int, Wire("tot_rlzt_pfls")]  # 총실현손익
    loan_interest: Annotated[int | None, Wire("loan_int")] = None  # 대출이자
    profit_percent: Annotated[Decimal | None, Wire("tot_pftrt")] = None  # 총수익률


def short_ticker(product_code: str) -> str:
    """The six-character ticker of a product code, which realised profits give in twelve characters.

    >>> short_ticker("00000A005930"), short_ticker("005930")
    ('005930', '005930')
    """
    code = product_code.strip()
    return code[-6:] if len(code) == 12 else code
