"""The fields of each real-time message, in the order in which they come over the wire.

KIS appends fields over time (one to the trades on 2026-09-14), so a record may be longer than its table: what comes
after the last known name is left unread. It may be shorter only where an older layout with that length is known.

Source: column lists of the official samples (github.com/koreainvestment/open-trading-api, examples_llm/domestic_stock,
as of 2026-07-09) and the API workbook of 2026-09-11; `tests/answers/kis_realtime_fields.csv` holds them as read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


def _numbered(name: str) -> tuple[str, ...]:
    return tuple(f"{name}{level}" for level in range(1, 11))


def _compared(name: str) -> Iterator[str]:
    """When the day's open, high or low came, and how the last price stands against it."""
    yield from (f"{name}_HOUR", f"{name}_VRSS_PRPR_SIGN", f"{name}_VRSS_PRPR")


_TRADE_46 = (
    *("MKSC_SHRN_ISCD", "STCK_CNTG_HOUR", "STCK_PRPR", "PRDY_VRSS_SIGN", "PRDY_VRSS", "PRDY_CTRT"),
    *("WGHN_AVRG_STCK_PRC", "STCK_OPRC", "STCK_HGPR", "STCK_LWPR", "ASKP1", "BIDP1"),
    *("CNTG_VOL", "ACML_VOL", "ACML_TR_PBMN", "SELN_CNTG_CSNU", "SHNU_CNTG_CSNU", "NTBY_CNTG_CSNU"),
    *("CTTR", "SELN_CNTG_SMTN", "SHNU_CNTG_SMTN", "CNTG_CLS_CODE", "SHNU_RATE", "PRDY_VOL_VRSS_ACML_VOL_RATE"),
    *_compared("OPRC"),
    *_compared("HGPR"),
    *_compared("LWPR"),
    *("BSOP_DATE", "NEW_MKOP_CLS_CODE", "TRHT_YN", "ASKP_RSQN1", "BIDP_RSQN1"),
    *("TOTAL_ASKP_RSQN", "TOTAL_BIDP_RSQN", "VOL_TNRT", "PRDY_SMNS_HOUR_ACML_VOL"),
    *("PRDY_SMNS_HOUR_ACML_VOL_RATE", "HOUR_CLS_CODE", "MRKT_TRTM_CLS_CODE", "VI_STND_PRC"),
)
# The KRX trades name index 21 CCLD_DVSN, the others CNTG_CLS_CODE; it is the same code.
_KRX_TRADE_46 = tuple("CCLD_DVSN" if name == "CNTG_CLS_CODE" else name for name in _TRADE_46)

_BOOK_59 = (
    *("MKSC_SHRN_ISCD", "BSOP_HOUR", "HOUR_CLS_CODE"),
    *_numbered("ASKP"),
    *_numbered("BIDP"),
    *_numbered("ASKP_RSQN"),
    *_numbered("BIDP_RSQN"),
    *("TOTAL_ASKP_RSQN", "TOTAL_BIDP_RSQN", "OVTM_TOTAL_ASKP_RSQN", "OVTM_TOTAL_BIDP_RSQN"),
    *("ANTC_CNPR", "ANTC_CNQN", "ANTC_VOL", "ANTC_CNTG_VRSS", "ANTC_CNTG_VRSS_SIGN", "ANTC_CNTG_PRDY_CTRT"),
    *("ACML_VOL", "TOTAL_ASKP_RSQN_ICDC", "TOTAL_BIDP_RSQN_ICDC"),
    *("OVTM_TOTAL_ASKP_ICDC", "OVTM_TOTAL_BIDP_ICDC", "STCK_DEAL_CLS_CODE"),
)
_MIDDLE_PRICES = ("KMID_PRC", "KMID_TOTAL_RSQN", "KMID_CLS_CODE", "NMID_PRC", "NMID_TOTAL_RSQN", "NMID_CLS_CODE")

_NOTICE_18 = (
    *("CUST_ID", "ACNT_NO", "ODER_NO", "OODER_NO", "SELN_BYOV_CLS", "RCTF_CLS", "ODER_KIND", "ODER_COND"),
    *("STCK_SHRN_ISCD", "CNTG_QTY", "CNTG_UNPR", "STCK_CNTG_HOUR", "RFUS_YN", "CNTG_YN", "ACPT_YN"),
    *("BRNC_NO", "ODER_QTY", "ACNT_NAME"),
)
_NOTICE_END = ("CRDT_CLS", "CRDT_LOAN_DATE", "CNTG_ISNM40", "ODER_PRC")
_NOTICE_26 = (*_NOTICE_18, "ORD_COND_PRC", "ORD_EXG_GB", "POPUP_YN", "FILLER", *_NOTICE_END)
_NOTICE_23 = (*_NOTICE_18, "CNTG_ISNM", *_NOTICE_END)

_MARKET_STATUS_11 = (
    *("MKSC_SHRN_ISCD", "TRHT_YN", "TR_SUSP_REAS_CNTT", "MKOP_CLS_CODE", "ANTC_MKOP_CLS_CODE"),
    *("MRKT_TRTM_CLS_CODE", "DIVI_APP_CLS_CODE", "ISCD_STAT_CLS_CODE", "VI_CLS_CODE", "OVTM_VI_CLS_CODE"),
    "EXCH_CLS_CODE",
)

_INDEX_30 = (
    *("BSTP_CLS_CODE", "BSOP_HOUR", "PRPR_NMIX", "PRDY_VRSS_SIGN", "BSTP_NMIX_PRDY_VRSS", "ACML_VOL"),
    *("ACML_TR_PBMN", "PCAS_VOL", "PCAS_TR_PBMN", "PRDY_CTRT", "OPRC_NMIX", "NMIX_HGPR", "NMIX_LWPR"),
    *("OPRC_VRSS_NMIX_PRPR", "OPRC_VRSS_NMIX_SIGN", "HGPR_VRSS_NMIX_PRPR", "HGPR_VRSS_NMIX_SIGN"),
    *("LWPR_VRSS_NMIX_PRPR", "LWPR_VRSS_NMIX_SIGN", "PRDY_CLPR_VRSS_OPRC_RATE", "PRDY_CLPR_VRSS_HGPR_RATE"),
    *("PRDY_CLPR_VRSS_LWPR_RATE", "UPLM_ISSU_CNT", "ASCN_ISSU_CNT", "STNR_ISSU_CNT", "DOWN_ISSU_CNT"),
    *("LSLM_ISSU_CNT", "QTQT_ASCN_ISSU_CNT", "QTQT_DOWN_ISSU_CNT", "TICK_VRSS"),
)


@dataclass(frozen=True, slots=True)
class MessageTable:
    """One kind of real-time message.

    Args:
        tr_id: its name on the wire.
        fields: the newest layout.
        older: earlier layouts that are still met; each has a length of its own.
        encrypted: whether the payload is.
        exchange: "KRX", "NXT", "KRX+NXT" for the unified stream, "" where the record says it.
    """

    tr_id: str
    fields: tuple[str, ...]
    older: tuple[tuple[str, ...], ...] = ()
    encrypted: bool = False
    exchange: str = ""
    _layouts: Mapping[int, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        layouts = {len(names): names for names in (*self.older, self.fields)}
        object.__setattr__(self, "_layouts", MappingProxyType(layouts))

    def layout(self, length: int) -> tuple[str, ...] | None:
        """The names of a record of `length` fields, the newest ones if it is longer; None if none fits."""
        return self._layouts.get(length) or (self.fields if length > len(self.fields) else None)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths of the known layouts, shortest first."""
        return tuple(sorted(self._layouts))


TRADE, TRADE_UNIFIED, TRADE_NXT = "H0STCNT0", "H0UNCNT0", "H0NXCNT0"
BOOK, BOOK_UNIFIED, BOOK_NXT = "H0STASP0", "H0UNASP0", "H0NXASP0"
NOTICE, NOTICE_PAPER = "H0STCNI0", "H0STCNI9"
MARKET_STATUS, MARKET_STATUS_UNIFIED, MARKET_STATUS_NXT = "H0STMKO0", "H0UNMKO0", "H0NXMKO0"
INDEX = "H0UPCNT0"

TRADES = frozenset({TRADE, TRADE_UNIFIED, TRADE_NXT})
BOOKS = frozenset({BOOK, BOOK_UNIFIED, BOOK_NXT})
NOTICES = frozenset({NOTICE, NOTICE_PAPER})
MARKET_STATUSES = frozenset({MARKET_STATUS, MARKET_STATUS_UNIFIED, MARKET_STATUS_NXT})

# Trades and order books of an exchange.
STREAMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"KRX": (TRADE, BOOK), "NXT": (TRADE_NXT, BOOK_NXT), "SOR": (TRADE_UNIFIED, BOOK_UNIFIED)}
)

# States of instruments of an exchange: halts, volatility interruptions, phases of the market.
STATES: Mapping[str, str] = MappingProxyType(
    {"KRX": MARKET_STATUS, "NXT": MARKET_STATUS_NXT, "SOR": MARKET_STATUS_UNIFIED}
)

_UNIFIED = "KRX+NXT"
_TABLES = (
    MessageTable(TRADE, (*_KRX_TRADE_46, "MARKET_CLS_CODE"), (_KRX_TRADE_46,), exchange="KRX"),
    # MARKET_CLS_CODE was announced for these too, its place is not confirmed: it stays unread.
    MessageTable(TRADE_UNIFIED, _TRADE_46, exchange=_UNIFIED),
    MessageTable(TRADE_NXT, _TRADE_46, exchange="NXT"),
    MessageTable(BOOK, _BOOK_59, exchange="KRX"),
    MessageTable(BOOK_UNIFIED, (*_BOOK_59, *_MIDDLE_PRICES), exchange=_UNIFIED),
    MessageTable(BOOK_NXT, (*_BOOK_59, *_MIDDLE_PRICES), exchange="NXT"),
    MessageTable(NOTICE, _NOTICE_26, (_NOTICE_23,), encrypted=True),
    MessageTable(NOTICE_PAPER, _NOTICE_26, (_NOTICE_23,), encrypted=True),
    # The workbook's own example ends before EXCH_CLS_CODE.
    MessageTable(MARKET_STATUS, _MARKET_STATUS_11, (_MARKET_STATUS_11[:10],), exchange="KRX"),
    # The official list leaves the ticker out; observed frames begin with it and have no EXCH_CLS_CODE.
    MessageTable(MARKET_STATUS_UNIFIED, _MARKET_STATUS_11, (_MARKET_STATUS_11[:10],), exchange=_UNIFIED),
    MessageTable(MARKET_STATUS_NXT, _MARKET_STATUS_11, (_MARKET_STATUS_11[:10],), exchange="NXT"),
    MessageTable(INDEX, _INDEX_30, exchange="KRX"),
)
TABLES: Mapping[str, MessageTable] = MappingProxyType({table.tr_id: table for table in _TABLES})
