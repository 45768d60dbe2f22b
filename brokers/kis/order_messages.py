"""Answers about orders: what was accepted, what is open, what became of each order of a day.

Prices are won a share, quantities shares, amounts won. Comments give KIS's names.
Source: official samples (885dd4e) and the API workbook of 2026-09-11; read 2026-11-23.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from brokers.kis.errors import BadAnswer
from brokers.kis.wire import Record, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAnswer(Record):
    """KIS has the order and sent it on: neither filled nor accepted by the exchange yet."""

    branch: Annotated[str, Wire("KRX_FWDG_ORD_ORGNO")] = ""  # 한국거래소전송주문조직번호
    order_number: Annotated[str, Wire("ODNO")]  # 주문번호
    order_time: Annotated[dt.time | None, Wire("ORD_TMD")] = None  # 주문시간


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrderRow(Record):
    """An order that can still be amended or cancelled."""

    branch: Annotated[str, Wire("ord_gno_brno")] = ""  # 주문채번지점번호
    order_number: Annotated[str, Wire("odno")]  # 주문번호
    original_number: Annotated[str, Wire("orgn_odno")] = ""  # 원주문번호
    kind_name: Annotated[str, Wire("ord_dvsn_name")] = ""  # 주문구분명
    ticker: Annotated[str, Wire("pdno")]  # 상품번호
    name: Annotated[str, Wire("prdt_name")] = ""  # 상품명
    amend_cancel_name: Annotated[str, Wire("rvse_cncl_dvsn_name")] = ""  # 정정취소구분명
    quantity: Annotated[int, Wire("ord_qty")]  # 주문수량
    price: Annotated[int, Wire("ord_unpr")]  # 주문단가
    order_time: Annotated[dt.time | None, Wire("ord_tmd")] = None  # 주문시각
    filled: Annotated[int, Wire("tot_ccld_qty")]  # 총체결수량
    filled_amount: Annotated[int | None, Wire("tot_ccld_amt")] = None  # 총체결금액
    amendable: Annotated[int, Wire("psbl_qty")]  # 정정취소 가능수량
    side_code: Annotated[str, Wire("sll_buy_dvsn_cd")]  # 매도매수구분코드
    kind_code: Annotated[str, Wire("ord_dvsn_cd")] = ""  # 주문구분코드
    exchange: Annotated[str, Wire("excg_id_dvsn_cd")] = ""  # 거래소ID구분코드
    trigger_price: Annotated[int | None, Wire("stpm_cndt_pric")] = None  # 스톱지정가조건가격


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyOrderRow(Record):
    """One order of a day, whatever became of it. There is no state field: it follows from the quantities."""

    order_date: Annotated[dt.date, Wire("ord_dt")]  # 주문일자
    branch: Annotated[str, Wire("ord_gno_brno")] = ""  # 주문채번지점번호
    order_number: Annotated[str, Wire("odno")]  # 주문번호
    original_number: Annotated[str, Wire("orgn_odno")] = ""  # 원주문번호
    kind_name: Annotated[str, Wire("ord_dvsn_name")] = ""  # 주문구분명
    side_code: Annotated[str, Wire("sll_buy_dvsn_cd")]  # 매도매수구분코드
    side_name: Annotated[str, Wire("sll_buy_dvsn_cd_name")] = ""  # 매도매수구분코드명
    ticker: Annotated[str, Wire("pdno")]  # 상품번호
    name: Annotated[str, Wire("prdt_name")] = ""  # 상품명
    quantity: Annotated[int, Wire("ord_qty")]  # 주문수량
    price: Annotated[int, Wire("ord_unpr")]  # 주문단가
    order_time: Annotated[dt.time, Wire("ord_tmd")]  # 주문시각
    filled: Annotated[int, Wire("tot_ccld_qty")]  # 총체결수량
    average_price: Annotated[Decimal | None, Wire("avg_prvs", places=4)] = None  # 체결평균가
    cancelled: Annotated[bool | None, Wire("cncl_yn")] = None  # 취소여부
    filled_amount: Annotated[int, Wire("tot_ccld_amt")]  # 총체결금액
    loan_date: Annotated[dt.date | None, Wire("loan_dt")] = None  # 대출일자
    channel: Annotated[str, Wire("ordr_empno")] = ""  # 주문자사번
    kind_code: Annotated[str, Wire("ord_dvsn_cd")] = ""  # 주문구분코드
    cancelled_quantity: Annotated[int, Wire("cncl_cfrm_qty", alias="cnc_cfrm_qty")]  # 취소확인수량
    remaining: Annotated[int, Wire("rmn_qty")]  # 잔여수량
    rejected: Annotated[int, Wire("rjct_qty")]  # 거부수량
    condition_name: Annotated[str, Wire("ccld_cndt_name")] = ""  # 체결조건명
    address: Annotated[str, Wire("inqr_ip_addr")] = ""  # 조회IP주소
    telephone: Annotated[str, Wire("ctac_tlno")] = ""  # 연락전화번호
    product_type: Annotated[str, Wire("prdt_type_cd")] = ""  # 상품유형코드
    exchange_code: Annotated[str, Wire("excg_dvsn_cd")] = ""  # 거래소구분코드
    material_code: Annotated[str, Wire("cpbc_ordp_mtrl_dvsn_cd")] = ""  # 전산주문표자료구분코드
    order_branch: Annotated[str, Wire("ord_orgno")] = ""  # 주문조직번호
    exchange: Annotated[str, Wire("excg_id_dvsn_Cd")] = ""  # 거래소ID구분코드
    trigger_price: Annotated[int | None, Wire("stpm_cndt_pric")] = None  # 스톱지정가조건가격
    triggered_at: Annotated[str, Wire("stpm_efct_occr_dtmd")] = ""  # 스톱지정가효력발생상세시각


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyOrderTotals(Record):
    """Sums over the orders of the range asked for."""

    ordered: Annotated[int, Wire("tot_ord_qty")]  # 총주문수량
    filled: Annotated[int, Wire("tot_ccld_qty")]  # 총체결수량
    filled_amount: Annotated[int, Wire("tot_ccld_amt")]  # 총체결금액
    estimated_costs: Annotated[int | None, Wire("prsm_tlex_smtl")] = None  # 추정제비용합계
    average_price: Annotated[Decimal | None, Wire("pchs_avg_pric", places=4)] = None  # 매입평균가격


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyingPower(Record):
    """What can be bought. cash_… without credit (미수 없이), most_… with it."""

    orderable_cash: Annotated[int, Wire("ord_psbl_cash")]  # 주문가능현금
    orderable_substitute: Annotated[int | None, Wire("ord_psbl_sbst")] = None  # 주문가능대용
    reusable: Annotated[int | None, Wire("ruse_psbl_amt")] = None  # 재사용가능금액
    sizing_price: Annotated[int | None, Wire("psbl_qty_calc_unpr")] = None  # 가능수량계산단가
    cash_amount: Annotated[int, Wire("nrcvb_buy_amt")]  # 미수없는매수금액
    cash_quantity: Annotated[int, Wire("nrcvb_buy_qty")]  # 미수없는매수수량
    most_amount: Annotated[int | None, Wire("max_buy_amt")] = None  # 최대매수금액
    most_quantity: Annotated[int | None, Wire("max_buy_qty")] = None  # 최대매수수량
    foreign_cash: Annotated[int | None, Wire("ord_psbl_frcr_amt_wcrc")] = None  # 주문가능외화금액원화


@dataclass(frozen=True, slots=True, kw_only=True)
class SellableQuantity(Record):
    """What can be sold of one holding."""

    ticker: Annotated[str, Wire("pdno")]  # 상품번호
    name: Annotated[str, Wire("prdt_name")] = ""  # 상품명
    bought: Annotated[int | None, Wire("buy_qty")] = None  # 매수수량
    sold: Annotated[int | None, Wire("sll_qty")] = None  # 매도수량
    quantity: Annotated[int | None, Wire("cblc_qty")] = None  # 잔고수량
    unsaved_quantity: Annotated[int | None, Wire("nsvg_qty")] = None  # 비저축수량
    sellable: Annotated[int, Wire("ord_psbl_qty")]  # 주문가능수량
    average_price: Annotated[Decimal | None, Wire("pchs_avg_pric", places=4)] = None  # 매입평균가격
    cost: Annotated[int | None, Wire("pchs_amt")] = None  # 매입금액
    price: Annotated[int | None, Wire("now_pric")] = None  # 현재가
    value: Annotated[int | None, Wire("evlu_amt")] = None  # 평가금액
    profit: Annotated[int | None, Wire("evlu_pfls_amt")] = None  # 평가손익금액
    profit_percent: Annotated[Decimal | None, Wire("evlu_pfls_rt", places=2)] = None  # 평가손익율


def number_key(order_number: str) -> int:
    """What two forms of one order number have in common: live pads it with zeros to ten digits, paper does not.

    >>> number_key("0000117057") == number_key("117057")
    True

    Raises:
        BadAnswer: it is no number.
    """
    text = order_number.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise BadAnswer("order number", "ODNO", order_number, "digits")
    return int(text)
