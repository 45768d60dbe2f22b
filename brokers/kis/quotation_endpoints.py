"""Calls that ask about the market: prices, order book, history, rankings, index, calendar, instruments.

Mind `FID_ORG_ADJ_PRC`: 1 is adjusted in inquire_daily_price, and 0 is adjusted in inquire_daily_itemchartprice.
Source: official samples (885dd4e) for paths, TR ids, names and order of parameters; the API workbook of 2026-09-11
for codes; read 2026-11-23.
"""

from __future__ import annotations

from brokers.kis.chart_messages import (
    CandleRow,
    ChartHead,
    DailyPriceRow,
    IndexCandleRow,
    IndexChartHead,
    MinuteHead,
    MinuteRow,
)
from brokers.kis.endpoint import Area, Block, Endpoint, Parameter, Shape, TrIds, names
from brokers.kis.market_messages import (
    FluctuationRow,
    HolidayRow,
    IndexPrice,
    InterruptionRow,
    MarketCapRow,
    ProductInfo,
    StockInfo,
    VolumeRankRow,
)
from brokers.kis.quote_messages import (
    ExpectedTrade,
    MultiQuoteRow,
    OrderBook,
    PriceDetail,
    PriceQuote,
    TimedTradeRow,
    TimedTradesHead,
    TradeRow,
)

MOST_TICKERS = 30

_MARKET = Parameter(name="FID_COND_MRKT_DIV_CODE", default="J", allowed=frozenset({"J", "NX", "UN"}))
_INDEX_MARKET = Parameter(name="FID_COND_MRKT_DIV_CODE", default="U", allowed=frozenset({"U"}))
_TICKER = Parameter(name="FID_INPUT_ISCD")
_THIRTY_TICKERS = tuple(
    parameter
    for number in range(1, MOST_TICKERS + 1)
    for parameter in (
        Parameter(name=f"FID_COND_MRKT_DIV_CODE_{number}", required=number == 1, allowed=frozenset({"J", "NX", "UN"})),
        Parameter(name=f"FID_INPUT_ISCD_{number}", required=number == 1),
    )
)


QUOTATION_ENDPOINTS = (
    Endpoint(
        name="inquire_price",
        korean="주식현재가 시세",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-price",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST01010100", paper="FHKST01010100")},
        parameters=(
            _MARKET,
            _TICKER,
        ),
        blocks=(
            Block(
                name="output",
                record=PriceQuote,
                shape=Shape.ROW,
                other_numbers=names(
                    "hts_frgn_ehrt frgn_ntby_qty pgtr_ntby_qty pvt_scnd_dmrs_prc pvt_frst_dmrs_prc "
                    "pvt_pont_val pvt_frst_dmsp_prc pvt_scnd_dmsp_prc dmrs_val dmsp_val cpfn rstc_wdth_prc "
                    "stck_fcam stck_sspr hts_deal_qty_unit_val d250_hgpr d250_hgpr_vrss_prpr_rate d250_lwpr "
                    "d250_lwpr_vrss_prpr_rate stck_dryy_hgpr dryy_hgpr_vrss_prpr_rate stck_dryy_lwpr "
                    "dryy_lwpr_vrss_prpr_rate w52_hgpr_vrss_prpr_ctrt w52_lwpr_vrss_prpr_ctrt "
                    "whol_loan_rmnd_rate apprch_rate frgn_hldn_qty last_ssts_cntg_qty"
                ),
                other_texts=names(
                    "new_hgpr_lwpr_cls_code oprc_rang_cont_yn clpr_rang_cont_yn crdt_able_yn "
                    "grmn_rate_cls_code elw_pblc_yn stac_month d250_hgpr_date d250_lwpr_date dryy_hgpr_date "
                    "dryy_lwpr_date ssts_yn fcam_cnnm cpfn_cnnm ovtm_vi_cls_code"
                ),
            ),
        ),
    ),
    Endpoint(
        name="inquire_price_2",
        korean="주식현재가 시세2",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-price-2",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHPST01010000")},
        parameters=(
            _MARKET,
            _TICKER,
        ),
        blocks=(
            Block(
                name="output",
                record=PriceDetail,
                shape=Shape.ROW,
                other_numbers=names(
                    "prdy_clpr_vrss_oprc_rate crdt_rate marg_rate lwpr_vrss_prpr prdy_clpr_vrss_lwpr_rate "
                    "hgpr_vrss_prpr prdy_clpr_vrss_hgpr_rate oprc_vrss_prpr"
                ),
                other_texts=names(
                    "new_hgpr_lwpr_cls_code mxpr_llam_cls_code crdt_able_yn elw_pblc_yn lwpr_vrss_prpr_sign "
                    "hgpr_vrss_prpr_sign oprc_vrss_prpr_sign divi_app_cls_code stange_runup_yn ssts_hot_yn "
                    "short_over_cls_code new_lstn_cls_name vlnt_deal_cls_name flng_cls_name "
                    "revl_issu_reas_name mrkt_warn_cls_name insn_pbnt_yn fcam_mod_cls_name oprc_rang_cont_yn "
                    "vlnt_fin_cls_code"
                ),
            ),
        ),
    ),
    Endpoint(
        name="inquire_asking_price_exp_ccn",
        korean="주식현재가 호가/예상체결",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-asking-price-exp-ccn",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST01010200", paper="FHKST01010200")},
        parameters=(
            _MARKET,
            _TICKER,
        ),
        blocks=(
            Block(
                name="output1",
                record=OrderBook,
                shape=Shape.ROW,
                other_numbers=names(
                    "total_askp_rsqn_icdc total_bidp_rsqn_icdc ovtm_total_askp_icdc ovtm_total_bidp_icdc "
                    "ovtm_total_askp_rsqn ovtm_total_bidp_rsqn"
                ),
            ),
            Block(name="output2", record=ExpectedTrade, shape=Shape.ROW),
        ),
    ),
    Endpoint(
        name="inquire_ccnl",
        korean="주식현재가 체결",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-ccnl",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST01010300", paper="FHKST01010300")},
        parameters=(
            _MARKET,
            _TICKER,
        ),
        blocks=(Block(name="output", record=TradeRow, shape=Shape.ROWS),),
        most_rows=30,
    ),
    Endpoint(
        name="inquire_daily_price",
        korean="주식현재가 일자별",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-daily-price",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST01010400", paper="FHKST01010400")},
        parameters=(
            _MARKET,
            _TICKER,
            Parameter(name="FID_PERIOD_DIV_CODE", default="D", allowed=frozenset({"D", "W", "M"})),
            Parameter(name="FID_ORG_ADJ_PRC", allowed=frozenset({"0", "1"})),
        ),
        blocks=(Block(name="output", record=DailyPriceRow, shape=Shape.ROWS, key="stck_bsop_date"),),
        most_rows=30,
    ),
    Endpoint(
        name="inquire_daily_itemchartprice",
        korean="국내주식기간별시세(일/주/월/년)",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST03010100", paper="FHKST03010100")},
        parameters=(
            _MARKET,
            _TICKER,
            Parameter(name="FID_INPUT_DATE_1"),
            Parameter(name="FID_INPUT_DATE_2"),
            Parameter(name="FID_PERIOD_DIV_CODE", default="D", allowed=frozenset({"D", "W", "M", "Y"})),
            Parameter(name="FID_ORG_ADJ_PRC", allowed=frozenset({"0", "1"})),
        ),
        blocks=(
            Block(
                name="output1",
                record=ChartHead,
                shape=Shape.ROW,
                other_numbers=names("prdy_vrss_vol vol_tnrt stck_fcam cpfn per eps pbr itewhol_loan_rmnd_ratem"),
            ),
            Block(name="output2", record=CandleRow, shape=Shape.ROWS, key="stck_bsop_date"),
        ),
        most_rows=100,
    ),
    Endpoint(
        name="inquire_time_itemchartprice",
        korean="주식당일분봉조회",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST03010200", paper="FHKST03010200")},
        parameters=(
            _MARKET,
            _TICKER,
            Parameter(name="FID_INPUT_HOUR_1"),
            Parameter(name="FID_PW_DATA_INCU_YN", default="N", allowed=frozenset({"Y", "N"})),
            Parameter(name="FID_ETC_CLS_CODE", default=""),
        ),
        blocks=(
            Block(name="output1", record=MinuteHead, shape=Shape.ROW),
            Block(name="output2", record=MinuteRow, shape=Shape.ROWS, key="stck_bsop_date"),
        ),
        most_rows=30,
    ),
    Endpoint(
        name="inquire_time_dailychartprice",
        korean="주식일별분봉조회",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-time-dailychartprice",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST03010230")},
        parameters=(
            _MARKET,
            _TICKER,
            Parameter(name="FID_INPUT_HOUR_1"),
            Parameter(name="FID_INPUT_DATE_1"),
            Parameter(name="FID_PW_DATA_INCU_YN", default="N", required=False, allowed=frozenset({"Y", "N"})),
            Parameter(name="FID_FAKE_TICK_INCU_YN", default="", required=False),
        ),
        blocks=(
            Block(name="output1", record=MinuteHead, shape=Shape.ROW),
            Block(name="output2", record=MinuteRow, shape=Shape.ROWS, key="stck_bsop_date"),
        ),
        most_rows=120,
    ),
    Endpoint(
        name="inquire_time_itemconclusion",
        korean="주식현재가 당일시간대별체결",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-time-itemconclusion",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHPST01060000", paper="FHPST01060000")},
        parameters=(
            _MARKET,
            _TICKER,
            Parameter(name="FID_INPUT_HOUR_1"),
        ),
        blocks=(
            Block(name="output1", record=TimedTradesHead, shape=Shape.ROW),
            Block(name="output2", record=TimedTradeRow, shape=Shape.ROWS),
        ),
    ),
    Endpoint(
        name="intstock_multprice",
        korean="관심종목(멀티종목) 시세조회",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/intstock-multprice",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKST11300006")},
        parameters=(*_THIRTY_TICKERS,),
        blocks=(
            Block(
                name="output",
                record=MultiQuoteRow,
                shape=Shape.ROWS,
                other_numbers=names("oprc_vrss_hgpr_rate intr_antc_cntg_vrss intr_antc_cntg_prdy_ctrt"),
                other_texts=names("intr_antc_cntg_vrss_sign"),
            ),
        ),
        most_rows=30,
    ),
    Endpoint(
        name="volume_rank",
        korean="거래량순위",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/volume-rank",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHPST01710000")},
        parameters=(
            Parameter(name="FID_COND_MRKT_DIV_CODE", default="J", allowed=frozenset({"J", "NX", "UN", "W"})),
            Parameter(name="FID_COND_SCR_DIV_CODE", default="20171", allowed=frozenset({"20171"})),
            Parameter(name="FID_INPUT_ISCD", default="0000"),
            Parameter(name="FID_DIV_CLS_CODE", default="0", allowed=frozenset({"0", "1", "2"})),
            Parameter(name="FID_BLNG_CLS_CODE", default="0", allowed=frozenset({"0", "1", "2", "3", "4"})),
            Parameter(name="FID_TRGT_CLS_CODE", default="111111111"),
            Parameter(name="FID_TRGT_EXLS_CLS_CODE", default="0000000000"),
            Parameter(name="FID_INPUT_PRICE_1", default=""),
            Parameter(name="FID_INPUT_PRICE_2", default=""),
            Parameter(name="FID_VOL_CNT", default=""),
            Parameter(name="FID_INPUT_DATE_1", default=""),
        ),
        blocks=(
            Block(
                name="output",
                record=VolumeRankRow,
                shape=Shape.ROWS,
                other_numbers=names("n_befr_clpr_vrss_prpr_rate nday_vol_tnrt tr_pbmn_tnrt nday_tr_pbmn_tnrt"),
            ),
        ),
        most_rows=30,
    ),
    Endpoint(
        name="fluctuation",
        korean="등락률 순위",
        method="GET",
        path="/uapi/domestic-stock/v1/ranking/fluctuation",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHPST01700000")},
        parameters=(
            Parameter(name="fid_rsfl_rate2", default=""),
            Parameter(name="fid_cond_mrkt_div_code", default="J", allowed=frozenset({"J", "NX"})),
            Parameter(name="fid_cond_scr_div_code", default="20170", allowed=frozenset({"20170"})),
            Parameter(name="fid_input_iscd", default="0000"),
            Parameter(name="fid_rank_sort_cls_code", default="0", allowed=frozenset({"0", "1", "2", "3", "4"})),
            Parameter(name="fid_input_cnt_1", default="0"),
            Parameter(name="fid_prc_cls_code", default="1"),
            Parameter(name="fid_input_price_1", default=""),
            Parameter(name="fid_input_price_2", default=""),
            Parameter(name="fid_vol_cnt", default=""),
            Parameter(name="fid_trgt_cls_code", default="0"),
            Parameter(name="fid_trgt_exls_cls_code", default="0"),
            Parameter(name="fid_div_cls_code", default="0"),
            Parameter(name="fid_rsfl_rate1", default=""),
        ),
        blocks=(
            Block(
                name="output",
                record=FluctuationRow,
                shape=Shape.ROWS,
                other_numbers=names(
                    "lwpr_vrss_prpr_rate dsgt_date_clpr_vrss_prpr_rate hgpr_vrss_prpr_rate oprc_vrss_prpr "
                    "oprc_vrss_prpr_rate"
                ),
                other_texts=names("acml_hgpr_date acml_lwpr_date oprc_vrss_prpr_sign"),
            ),
        ),
        most_rows=30,
    ),
    Endpoint(
        name="market_cap",
        korean="시가총액 상위",
        method="GET",
        path="/uapi/domestic-stock/v1/ranking/market-cap",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHPST01740000")},
        parameters=(
            Parameter(name="fid_input_price_2", default=""),
            Parameter(name="fid_cond_mrkt_div_code", default="J", allowed=frozenset({"J", "NX"})),
            Parameter(name="fid_cond_scr_div_code", default="20174", allowed=frozenset({"20174"})),
            Parameter(name="fid_div_cls_code", default="0", allowed=frozenset({"0", "1", "2"})),
            Parameter(name="fid_input_iscd", default="0000"),
            Parameter(name="fid_trgt_cls_code", default="0"),
            Parameter(name="fid_trgt_exls_cls_code", default="0"),
            Parameter(name="fid_input_price_1", default=""),
            Parameter(name="fid_vol_cnt", default=""),
        ),
        blocks=(Block(name="output", record=MarketCapRow, shape=Shape.ROWS),),
        most_rows=30,
    ),
    Endpoint(
        name="inquire_index_price",
        korean="국내업종 현재지수",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-index-price",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHPUP02100000")},
        parameters=(
            _INDEX_MARKET,
            Parameter(name="FID_INPUT_ISCD"),
        ),
        blocks=(
            Block(
                name="output",
                record=IndexPrice,
                shape=Shape.ROW,
                other_numbers=names(
                    "prdy_nmix_vrss_nmix_oprc bstp_nmix_oprc_prdy_ctrt prdy_nmix_vrss_nmix_hgpr "
                    "bstp_nmix_hgpr_prdy_ctrt prdy_clpr_vrss_lwpr prdy_clpr_vrss_lwpr_rate dryy_bstp_nmix_hgpr "
                    "dryy_hgpr_vrss_prpr_rate dryy_bstp_nmix_lwpr dryy_lwpr_vrss_prpr_rate total_askp_rsqn "
                    "total_bidp_rsqn seln_rsqn_rate shnu_rsqn_rate ntby_rsqn"
                ),
                other_texts=names(
                    "oprc_vrss_prpr_sign hgpr_vrss_prpr_sign lwpr_vrss_prpr_sign dryy_bstp_nmix_hgpr_date "
                    "dryy_bstp_nmix_lwpr_date"
                ),
            ),
        ),
    ),
    Endpoint(
        name="inquire_daily_indexchartprice",
        korean="국내주식업종기간별시세",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-daily-indexchartprice",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHKUP03500100", paper="FHKUP03500100")},
        parameters=(
            _INDEX_MARKET,
            Parameter(name="FID_INPUT_ISCD"),
            Parameter(name="FID_INPUT_DATE_1"),
            Parameter(name="FID_INPUT_DATE_2"),
            Parameter(name="FID_PERIOD_DIV_CODE", default="D", allowed=frozenset({"D", "W", "M", "Y"})),
        ),
        blocks=(
            Block(
                name="output1",
                record=IndexChartHead,
                shape=Shape.ROW,
                other_numbers=names("futs_prdy_oprc futs_prdy_hgpr futs_prdy_lwpr"),
            ),
            Block(name="output2", record=IndexCandleRow, shape=Shape.ROWS, key="stck_bsop_date"),
        ),
        most_rows=50,
    ),
    Endpoint(
        name="chk_holiday",
        korean="국내휴장일조회",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/chk-holiday",
        area=Area.QUOTATION,
        tr={"": TrIds(live="CTCA0903R")},
        parameters=(
            Parameter(name="BASS_DT"),
            Parameter(name="CTX_AREA_FK", default="", required=False),
            Parameter(name="CTX_AREA_NK", default="", required=False),
        ),
        blocks=(Block(name="output", record=HolidayRow, shape=Shape.ROWS),),
        continuation=("CTX_AREA_FK", "CTX_AREA_NK"),
    ),
    Endpoint(
        name="inquire_vi_status",
        korean="변동성완화장치(VI) 현황",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/inquire-vi-status",
        area=Area.QUOTATION,
        tr={"": TrIds(live="FHPST01390000")},
        parameters=(
            Parameter(name="FID_DIV_CLS_CODE", default="0", allowed=frozenset({"0", "1", "2"})),
            Parameter(name="FID_COND_SCR_DIV_CODE", default="20139", allowed=frozenset({"20139"})),
            Parameter(name="FID_MRKT_CLS_CODE", default="0", allowed=frozenset({"0", "K", "Q"})),
            Parameter(name="FID_INPUT_ISCD", default=""),
            Parameter(name="FID_RANK_SORT_CLS_CODE", default="0", allowed=frozenset({"0", "1", "2", "3"})),
            Parameter(name="FID_INPUT_DATE_1"),
            Parameter(name="FID_TRGT_CLS_CODE", default=""),
            Parameter(name="FID_TRGT_EXLS_CLS_CODE", default=""),
        ),
        blocks=(Block(name="output", record=InterruptionRow, shape=Shape.ROWS),),
    ),
    Endpoint(
        name="search_info",
        korean="상품기본조회",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/search-info",
        area=Area.QUOTATION,
        tr={"": TrIds(live="CTPF1604R")},
        parameters=(
            Parameter(name="PDNO"),
            Parameter(name="PRDT_TYPE_CD", default="300"),
        ),
        blocks=(
            Block(
                name="output",
                record=ProductInfo,
                shape=Shape.ROW,
                other_texts=names(
                    "prdt_sale_stat_cd prdt_risk_grad_cd prdt_clsf_cd sale_strt_dt sale_end_dt "
                    "wrap_asst_type_cd ivst_prdt_type_cd frst_erlm_dt"
                ),
            ),
        ),
    ),
    Endpoint(
        name="search_stock_info",
        korean="주식기본조회",
        method="GET",
        path="/uapi/domestic-stock/v1/quotations/search-stock-info",
        area=Area.QUOTATION,
        tr={"": TrIds(live="CTPF1002R")},
        parameters=(
            Parameter(name="PRDT_TYPE_CD", default="300"),
            Parameter(name="PDNO"),
        ),
        blocks=(
            Block(
                name="output",
                record=StockInfo,
                shape=Shape.ROW,
                other_numbers=names(
                    "lstg_cptl_amt cpta issu_pric etf_cu_qty sbst_pric thco_sbst_pric etf_chas_erng_rt_dbnb "
                    "frnr_psnl_lmt_rt"
                ),
                other_texts=names(
                    "prdt_eng_name120 prdt_eng_abrv_name setl_mmdd frbd_mket_lstg_dt frbd_mket_lstg_abol_dt "
                    "reits_kind_cd etf_dvsn_cd oilf_fund_yn idx_bztp_lcls_cd idx_bztp_mcls_cd idx_bztp_scls_cd "
                    "stck_kind_cd mfnd_opng_dt mfnd_end_dt dpsi_erlm_cncl_dt dpsi_aptm_erlm_yn "
                    "etf_txtn_type_cd nwst_odst_dvsn_cd thco_sbst_pric_chng_dt clpr_chng_dt std_idst_clsf_cd "
                    "std_idst_clsf_cd_name ocr_no crfd_item_yn elec_scty_yn issu_istt_cd "
                    "etf_etn_ivst_heed_item_yn stln_int_rt_dvsn_cd lstg_rqsr_issu_istt_cd lstg_rqsr_item_cd "
                    "trst_istt_issu_istt_cd"
                ),
            ),
        ),
    ),
)
