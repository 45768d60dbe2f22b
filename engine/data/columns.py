"""Which column of a foreign file is which: names as they occur in Korean and English sources."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.errors import DataError

# Names are compared without case, spaces, underscores, brackets and other signs. Sources: marcap, the
# exchange's own CSV
# downloads (Korean heads and code names such as TDD_CLSPRC), the public data portal (clpr, mkp), KIS
# (stck_clpr), yfinance.
NAMES: dict[str, tuple[str, ...]] = {
    "date": (
        "date", "날짜", "일자", "거래일", "거래일자", "기준일", "기준일자", "영업일자", "체결일자", "tradedate",
        "trddd", "basdd", "basdt", "stckbsopdate", "day", "session",
    ),
    "time": (
        "time", "datetime", "timestamp", "시간", "시각", "일시", "날짜시간", "체결시간", "체결시각", "stckcntghour",
    ),
    "ticker": (
        "ticker", "code", "symbol", "종목코드", "단축코드", "코드", "티커", "isusrtcd", "srtncd", "stockcode",
        "shortcode", "mkscshrniscd",
    ),
    "name": (
        "name", "종목명", "한글종목명", "한글종목약명", "종목", "isuabbrv", "isunm", "itmsnm", "stockname",
        "htskorisnm",
    ),
    "open": ("open", "시가", "시초가", "o", "tddopnprc", "mkp", "stckoprc", "openprice"),
    "high": ("high", "고가", "h", "tddhgprc", "hipr", "stckhgpr", "highprice"),
    "low": ("low", "저가", "l", "tddlwprc", "lopr", "stcklwpr", "lowprice"),
    "close": ("close", "종가", "현재가", "c", "tddclsprc", "clpr", "stckclpr", "stckprpr", "closeprice", "last"),
    "volume": ("volume", "거래량", "누적거래량", "vol", "v", "acctrdvol", "trqu", "acmlvol", "cntgvol"),
    "value": ("value", "amount", "거래대금", "거래금액", "누적거래대금", "acctrdval", "trprc", "acmltrpbmn"),
    "shares": ("shares", "stocks", "상장주식수", "상장주식", "주식수", "listshrs", "lstgstcnt", "lstnstcn"),
    "market_cap": ("marketcap", "marcap", "시가총액", "mktcap", "mrkttotamt", "htsavls"),
    "market": ("market", "시장구분", "시장", "시장명", "mktnm", "mktid", "mrktctg"),
    "segment": ("segment",),
    "department": ("dept", "department", "소속부", "secttpnm"),
    "base_price": ("baseprice", "기준가", "기준가격", "stcksdpr"),
    "change": ("change", "changes", "대비", "전일대비", "cmpprevddprc", "vs", "prdyvrss"),
    "status": ("status", "상태"),
    "product": ("product", "상품구분", "증권구분", "secugrpnm"),
    "sector": ("sector", "업종", "업종명", "idxindnm"),
    "multiple": ("multiple", "배수"),
    "listed": ("listed", "listingdate", "상장일", "listdd"),
    "delisted": ("delisted", "delistingdate", "상장폐지일", "폐지일"),
    "index": ("index", "indexname", "지수", "지수명", "idxnm"),
}  # fmt: skip
KNOWN_BUT_UNUSED = {
    "changecode", "fluctpcd", "changesratio", "chagesratio", "changerate", "등락률", "등락율", "flucrt",
    "fltrt", "marketid", "rank", "순위", "nav", "underlyingindex", "adjclose", "수정종가", "isin", "표준코드", "source",
}  # fmt: skip


def squeeze(name: str) -> str:
    """A column name as it is compared: lower case, letters and digits only.

    >>> squeeze(" 거래대금 (원) "), squeeze("TDD_CLSPRC")
    ('거래대금', 'tddclsprc')
    """
    without_unit = re.sub(r"[(\[].*?[)\]]", "", name)
    return re.sub(r"[\W_]+", "", without_unit or name, flags=re.UNICODE).lower()


def guess_columns(columns: Sequence[str], where: str) -> dict[str, str]:
    """Map our column names to those of a file.

    Args:
        columns: the file's column names.
        where: the file, for messages.

    Returns:
        Our name -> the file's name, for every column that is recognised.

    Raises:
        DataError: two columns of the file mean the same.
    """
    lookup = {alias: ours for ours, aliases in NAMES.items() for alias in aliases}
    found: dict[str, str] = {}
    for column in columns:
        ours = lookup.get(squeeze(column))
        if ours is None:
            continue
        if ours in found:
            raise DataError(
                f"{where}: the columns {found[ours]!r} and {column!r} both mean {ours!r}. Remove or rename one of them."
            )
        found[ours] = column
    return found


def require(found: dict[str, str], columns: Sequence[str], wanted: Sequence[str], where: str) -> None:
    """Raise when a column that the import needs is not there.

    Raises:
        DataError: with the missing columns, those present and the names that would be recognised.
    """
    missing = [name for name in wanted if name not in found]
    if not missing:
        return
    known = "; ".join(f"{name}: {', '.join(NAMES[name][:6])}" for name in missing)
    raise DataError(
        f"{where}: no column for {', '.join(missing)}. It has {', '.join(map(repr, columns)) or 'no columns'}. "
        f"Rename columns to one of the recognised names ({known})."
    )


def unused_columns(columns: Sequence[str], found: dict[str, str]) -> list[str]:
    """Columns of the file that the import does not understand, for a note."""
    taken = set(found.values())
    return [name for name in columns if name not in taken and squeeze(name) not in KNOWN_BUT_UNUSED]
