"""Calls that touch an account: orders, open orders, holdings, cash, realised profit.

Source: official samples (885dd4e) for paths, TR ids, names and order of parameters; the API workbook of 2026-09-11
for codes and lengths; read 2026-11-23.
"""

from __future__ import annotations

from brokers.kis.account_messages import (
    AssetRow,
    AssetTotals,
    BalanceRow,
    BalanceTotals,
    PeriodProfitRow,
    PeriodProfitTotals,
    RealizedBalanceTotals,
    TradeProfitRow,
    TradeProfitTotals,
)
from brokers.kis.endpoint import Area, Block, Endpoint, Parameter, Shape, TrIds, names
from brokers.kis.order_kinds import ORDER_KINDS
from brokers.kis.order_messages import (
    BuyingPower,
    DailyOrderRow,
    DailyOrderTotals,
    OpenOrderRow,
    OrderAnswer,
    SellableQuantity,
)

# The account number is put in by `rest`, from the configuration: no caller handles it.
_ACCOUNT = (Parameter(name="CANO"), Parameter(name="ACNT_PRDT_CD"))
_CONTINUE = (
    Parameter(name="CTX_AREA_FK100", default="", required=False),
    Parameter(name="CTX_AREA_NK100", default="", required=False),
)
_ORDER_KIND = Parameter(name="ORD_DVSN", allowed=frozenset(ORDER_KINDS))
_EXCHANGE = Parameter(name="EXCG_ID_DVSN_CD", default="KRX", required=False, allowed=frozenset({"KRX", "NXT", "SOR"}))


ACCOUNT_ENDPOINTS = (
    Endpoint(
        name="order_cash",
        korean="주식주문(현금)",
        method="POST",
        path="/uapi/domestic-stock/v1/trading/order-cash",
        area=Area.ACCOUNT,
        tr={
            "sell": TrIds(live="TTTC0011U", paper="VTTC0011U", live_legacy="TTTC0801U", paper_legacy="VTTC0801U"),
            "buy": TrIds(live="TTTC0012U", paper="VTTC0012U", live_legacy="TTTC0802U", paper_legacy="VTTC0802U"),
        },
        parameters=(
            *_ACCOUNT,
            Parameter(name="PDNO"),
            _ORDER_KIND,
            Parameter(name="ORD_QTY"),
            Parameter(name="ORD_UNPR"),
            _EXCHANGE,
            Parameter(name="SLL_TYPE", required=False, allowed=frozenset({"01", "02", "05"})),
            Parameter(name="CNDT_PRIC", required=False),
        ),
        blocks=(Block(name="output", record=OrderAnswer, shape=Shape.ROW),),
        writes=True,
    ),
    Endpoint(
        name="order_rvsecncl",
        korean="주식주문(정정취소)",
        method="POST",
        path="/uapi/domestic-stock/v1/trading/order-rvsecncl",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC0013U", paper="VTTC0013U", live_legacy="TTTC0803U", paper_legacy="VTTC0803U")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="KRX_FWDG_ORD_ORGNO", default=""),
            Parameter(name="ORGN_ODNO"),
            _ORDER_KIND,
            Parameter(name="RVSE_CNCL_DVSN_CD", allowed=frozenset({"01", "02"})),
            Parameter(name="ORD_QTY", default="0"),
            Parameter(name="ORD_UNPR", default="0"),
            Parameter(name="QTY_ALL_ORD_YN", default="Y", allowed=frozenset({"Y", "N"})),
            _EXCHANGE,
            Parameter(name="CNDT_PRIC", required=False),
        ),
        blocks=(Block(name="output", record=OrderAnswer, shape=Shape.ROW),),
        writes=True,
    ),
    Endpoint(
        name="inquire_psbl_rvsecncl",
        korean="주식정정취소가능주문조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-psbl-rvsecncl",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC0084R", live_legacy="TTTC8036R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="INQR_DVSN_1", default="0", allowed=frozenset({"0", "1"})),
            Parameter(name="INQR_DVSN_2", default="0", allowed=frozenset({"0", "1", "2"})),
            *_CONTINUE,
        ),
        blocks=(
            Block(
                name="output",
                record=OpenOrderRow,
                shape=Shape.ROWS,
                other_texts=names("mgco_aptm_odno excg_dvsn_cd excg_id_dvsn_name stpm_efct_occr_yn"),
            ),
        ),
        continuation=("CTX_AREA_FK100", "CTX_AREA_NK100"),
    ),
    Endpoint(
        name="inquire_psbl_order",
        korean="매수가능조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-psbl-order",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC8908R", paper="VTTC8908R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="PDNO", required=False),
            Parameter(name="ORD_UNPR", default="", required=False),
            Parameter(name="ORD_DVSN"),
            Parameter(name="CMA_EVLU_AMT_ICLD_YN", default="N", allowed=frozenset({"Y", "N"})),
            Parameter(name="OVRS_ICLD_YN", default="N", allowed=frozenset({"Y", "N"})),
        ),
        blocks=(
            Block(
                name="output",
                record=BuyingPower,
                shape=Shape.ROW,
                other_numbers=names("fund_rpch_chgs cma_evlu_amt ovrs_re_use_amt_wcrc"),
            ),
        ),
    ),
    Endpoint(
        name="inquire_psbl_sell",
        korean="매도가능수량조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-psbl-sell",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC8408R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="PDNO"),
        ),
        blocks=(Block(name="output", record=SellableQuantity, shape=Shape.ROW),),
    ),
    Endpoint(
        name="inquire_balance",
        korean="주식잔고조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-balance",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC8434R", paper="VTTC8434R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="AFHR_FLPR_YN", default="N", allowed=frozenset({"N", "Y", "X"})),
            Parameter(name="OFL_YN", default=""),
            Parameter(name="INQR_DVSN", default="01", allowed=frozenset({"01", "02"})),
            Parameter(name="UNPR_DVSN", default="01"),
            Parameter(name="FUND_STTL_ICLD_YN", default="N", allowed=frozenset({"Y", "N"})),
            Parameter(name="FNCG_AMT_AUTO_RDPT_YN", default="N"),
            Parameter(name="PRCS_DVSN", default="00", allowed=frozenset({"00", "01"})),
            *_CONTINUE,
        ),
        blocks=(
            Block(
                name="output1",
                record=BalanceRow,
                shape=Shape.ROWS,
                other_numbers=names("stln_slng_chgs sbst_pric stck_loan_unpr"),
                other_texts=names("item_mgna_rt_name grta_rt_name"),
            ),
            Block(
                name="output2",
                record=BalanceTotals,
                shape=Shape.ROW_IN_LIST,
                other_numbers=names("cma_evlu_amt nxdy_auto_rdpt_amt d2_auto_rdpt_amt tot_stln_slng_chgs"),
                other_texts=names("fncg_gld_auto_rdpt_yn"),
            ),
        ),
        continuation=("CTX_AREA_FK100", "CTX_AREA_NK100"),
    ),
    Endpoint(
        name="inquire_account_balance",
        korean="투자계좌자산현황조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-account-balance",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="CTRP6548R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="INQR_DVSN_1", default="", required=False),
            Parameter(name="BSPR_BF_DT_APLY_YN", default="", required=False),
        ),
        blocks=(
            Block(name="output1", record=AssetRow, shape=Shape.ROWS, positional=True),
            Block(
                name="output2",
                record=AssetTotals,
                shape=Shape.ROW,
                other_numbers=names(
                    "tot_lnda_tot_ulst_lnda cma_auto_loan_amt tot_mgln_amt stln_evlu_amt crdt_fncg_amt "
                    "ocl_apl_loan_amt pldg_stup_amt frcr_evlu_tota cma_evlu_amt tot_sbst_amt "
                    "ovrs_stck_evlu_amt1 ovrs_bond_evlu_amt mmf_cma_mgge_loan_amt pbst_sbsc_fnds_loan_use_amt "
                    "etpr_crdt_grnt_loan_amt"
                ),
            ),
        ),
    ),
    Endpoint(
        name="inquire_balance_rlz_pl",
        korean="주식잔고조회_실현손익",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-balance-rlz-pl",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC8494R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="AFHR_FLPR_YN", default="N", allowed=frozenset({"N", "Y"})),
            Parameter(name="OFL_YN", default="", required=False),
            Parameter(name="INQR_DVSN", default="00"),
            Parameter(name="UNPR_DVSN", default="01"),
            Parameter(name="FUND_STTL_ICLD_YN", default="N", allowed=frozenset({"Y", "N"})),
            Parameter(name="FNCG_AMT_AUTO_RDPT_YN", default="N"),
            Parameter(name="PRCS_DVSN", default="00", allowed=frozenset({"00", "01"})),
            Parameter(name="COST_ICLD_YN", default="Y", required=False, allowed=frozenset({"Y", "N"})),
            *_CONTINUE,
        ),
        blocks=(
            Block(
                name="output1",
                record=BalanceRow,
                shape=Shape.ROWS,
                other_numbers=names("stln_slng_chgs stck_loan_unpr"),
            ),
            Block(
                name="output2",
                record=RealizedBalanceTotals,
                shape=Shape.ROW_IN_LIST,
                other_numbers=names("cma_evlu_amt nxdy_auto_rdpt_amt d2_auto_rdpt_amt tot_stln_slng_chgs"),
                other_texts=names("fncg_gld_auto_rdpt_yn"),
            ),
        ),
        continuation=("CTX_AREA_FK100", "CTX_AREA_NK100"),
    ),
    Endpoint(
        name="inquire_daily_ccld",
        korean="주식일별주문체결조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-daily-ccld",
        area=Area.ACCOUNT,
        tr={
            "recent": TrIds(live="TTTC0081R", paper="VTTC0081R", live_legacy="TTTC8001R", paper_legacy="VTTC8001R"),
            "older": TrIds(live="CTSC9215R", paper="VTSC9215R", live_legacy="CTSC9115R", paper_legacy="VTSC9115R"),
        },
        parameters=(
            *_ACCOUNT,
            Parameter(name="INQR_STRT_DT"),
            Parameter(name="INQR_END_DT"),
            Parameter(name="SLL_BUY_DVSN_CD", default="00", allowed=frozenset({"00", "01", "02"})),
            Parameter(name="PDNO", default="", required=False),
            Parameter(name="CCLD_DVSN", default="00", allowed=frozenset({"00", "01", "02"})),
            Parameter(name="INQR_DVSN", default="00", allowed=frozenset({"00", "01"})),
            Parameter(
                name="INQR_DVSN_3", default="00", allowed=frozenset({"00", "01", "02", "03", "04", "05", "06", "07"})
            ),
            Parameter(name="ORD_GNO_BRNO", default="", required=False),
            Parameter(name="ODNO", default="", required=False),
            Parameter(name="INQR_DVSN_1", default="", required=False, allowed=frozenset({"1", "2"})),
            *_CONTINUE,
            Parameter(
                name="EXCG_ID_DVSN_CD", default="KRX", required=False, allowed=frozenset({"KRX", "NXT", "SOR", "ALL"})
            ),
        ),
        blocks=(
            Block(
                name="output1",
                record=DailyOrderRow,
                shape=Shape.ROWS,
                other_texts=names("cpbc_ordp_ord_rcit_dvsn_cd cpbc_ordp_infm_mthd_dvsn_cd infm_tmd rsvn_ord_end_dt"),
            ),
            Block(name="output2", record=DailyOrderTotals, shape=Shape.ROW),
        ),
        continuation=("CTX_AREA_FK100", "CTX_AREA_NK100"),
    ),
    Endpoint(
        name="inquire_period_profit",
        korean="기간별손익일별합산조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-period-profit",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC8708R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="INQR_STRT_DT"),
            Parameter(name="INQR_END_DT"),
            Parameter(name="SORT_DVSN", default="00", allowed=frozenset({"00", "01", "02"})),
            Parameter(name="INQR_DVSN", default="00"),
            Parameter(name="CBLC_DVSN", default="00"),
            Parameter(name="PDNO", default="", required=False),
            *_CONTINUE,
        ),
        blocks=(
            Block(name="output1", record=PeriodProfitRow, shape=Shape.ROWS),
            Block(name="output2", record=PeriodProfitTotals, shape=Shape.ROW),
        ),
        continuation=("CTX_AREA_FK100", "CTX_AREA_NK100"),
    ),
    Endpoint(
        name="inquire_period_trade_profit",
        korean="기간별매매손익현황조회",
        method="GET",
        path="/uapi/domestic-stock/v1/trading/inquire-period-trade-profit",
        area=Area.ACCOUNT,
        tr={"": TrIds(live="TTTC8715R")},
        parameters=(
            *_ACCOUNT,
            Parameter(name="SORT_DVSN", default="00", allowed=frozenset({"00", "01", "02"})),
            Parameter(name="INQR_STRT_DT"),
            Parameter(name="INQR_END_DT"),
            Parameter(name="CBLC_DVSN", default="00"),
            Parameter(name="PDNO", default="", required=False),
            *_CONTINUE,
        ),
        blocks=(
            Block(name="output1", record=TradeProfitRow, shape=Shape.ROWS),
            Block(name="output2", record=TradeProfitTotals, shape=Shape.ROW),
        ),
        continuation=("CTX_AREA_FK100", "CTX_AREA_NK100"),
    ),
)
