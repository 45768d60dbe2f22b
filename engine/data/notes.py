"""What an import decided or could not know, in both languages, kept in the manifest."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

# Code -> Korean, English; the fields in braces are filled by `note`.
TEXTS: dict[str, tuple[str, str]] = {
    "synthetic": (
        "`geoul data sample`로 만든 합성 시장입니다. 실제 시세가 아니며, 여기서 얻은 결과는 현실에서 성립하지 않습니다",
        "synthetic market made by `geoul data sample`: not real prices; nothing learned from it holds on the exchange",
    ),
    "interval": (
        "봉 간격 {interval}: 종목별 행 사이의 일반적인 거리로 판단",
        "interval {interval}: the usual distance between the rows of a ticker",
    ),
    "close_only": (
        "원본에 시가·고가·저가가 없어 종가로 대신합니다. 시가 체결은 곧 종가 체결입니다",
        "open, high and low are not in the source: the close stands for them; a fill at the open is one at the close",
    ),
    "column_unused": ("{file}: {column} 열은 쓰지 않습니다", "{file}: column {column} is not used"),
    "file_skipped": ("{file}: 시세가 없어 건너뜁니다", "{file}: no prices in it; skipped"),
    "stamp": (
        "분봉 시각을 봉의 {label} 시각으로 읽었습니다. 틀리면 --stamp open 또는 close를 쓰세요",
        "minute stamps are taken as the {label} of their bar; say --stamp open or close if that is wrong",
    ),
    "repeated": (
        "여러 파일에 같은 값으로 중복된 {count:,}개 행은 한 번만 셉니다",
        "{count:,} rows occur in several files with equal values; each is kept once",
    ),
    "dropped": (
        "--drop-bad로 {count:,}개 행을 뺐습니다: {file}",
        "{count:,} rows were dropped by --drop-bad; see {file}",
    ),
    "change_unused": (
        "대비 열을 쓰지 않습니다. 종가 - 대비가 전일 종가와 같은 행이 {share:.0%}뿐입니다",
        "the change column is not used: close - change equals the previous close on {share:.0%} of rows only",
    ),
    "adjusted_told": ("수정주가: 지정됨", "adjusted prices: as told"),
    "unadjusted_told": ("원주가: 지정됨", "unadjusted prices: as told"),
    "adjusted_name": (
        "수정주가: 파일 이름으로 판단 (체결 종가의 {share:.1%}가 호가단위에 맞지 않음)",
        "adjusted prices: the file name says so ({share:.1%} of traded closes lie off the price grid of their day)",
    ),
    "unadjusted_name": (
        "원주가: 파일 이름으로 판단 (체결 종가의 {share:.1%}가 호가단위에 맞지 않음)",
        "unadjusted prices: the file name says so ({share:.1%} of traded closes lie off the price grid of their day)",
    ),
    "adjusted_fractions": (
        "수정주가: 원 미만의 가격이 있음. 틀리면 --unadjusted",
        "adjusted prices: there are fractions of a won; say --unadjusted if wrong",
    ),
    "adjusted_grid": (
        "수정주가: 체결 종가의 {share:.1%}가 그날의 호가단위에 맞지 않음. 틀리면 --unadjusted",
        "adjusted prices: {share:.1%} of traded closes lie off the price grid; say --unadjusted if wrong",
    ),
    "unadjusted_base": (
        "원주가: 원본에 기준가가 있음. 틀리면 --adjusted",
        "unadjusted prices: the source has base prices of the day; say --adjusted if wrong",
    ),
    "unadjusted_grid": (
        "원주가: 체결 종가의 {share:.2%}만 호가단위에 맞지 않음. 틀리면 --adjusted",
        "unadjusted prices: only {share:.2%} of traded closes lie off the price grid; say --adjusted if wrong",
    ),
    "two_decimals": (
        "가격을 소수 둘째 자리까지 보관합니다 (price_scale 100)",
        "prices are kept with two decimals (price_scale 100)",
    ),
    "rounded": (
        "가격을 소수 둘째 자리로 반올림했습니다 (price_scale 100)",
        "prices are rounded to two decimals (price_scale 100)",
    ),
    "funds": (
        "{count}개 종목을 ETF로 봅니다. 가격이 ETF의 5원 단위에만 맞습니다 ({shown})",
        "{count} tickers are taken as ETF: their prices fit the 5-won grid of funds only ({shown})",
    ),
    "funds_by_nav": (
        "{file}: 순자산가치(NAV) 열이 있어 모든 종목을 ETF로 봅니다",
        "{file}: all tickers are taken as ETF, because it has net asset values",
    ),
    "no_actions": (
        "수정주가: 권리락·분할을 따로 만들지 않습니다. 주식의 현금배당은 가격에 없습니다",
        "adjusted prices: no corporate actions are derived; cash dividends of stocks are not in the prices",
    ),
    "no_base": (
        "원본에 기준가가 없어, 가격제한폭 안의 권리락과 ETF 분배금은 알 수 없습니다",
        "the source has no base prices: rights issues inside the price limits and fund distributions cannot be seen",
    ),
    "unexplained": (
        "{count:,}건의 가격 급변을 데이터로 설명할 수 없어 그날 그 종목은 거래하지 않습니다 ({shown}). "
        "이유를 아시면 --actions 파일로 알려 주세요",
        "{count:,} price jumps cannot be explained by the data; those tickers do not trade on that day ({shown}). "
        "If you know why, say so in a file of --actions",
    ),
    "dividends": (
        "{file}에서 주식 현금배당 {count:,}건을 가져왔습니다. "
        "이 데이터의 종목·기간이 아니거나 쓸 수 없는 {left:,}건은 뺐습니다",
        "{count:,} cash dividends of stocks taken from {file}; {left:,} left out (other tickers or days, unusable)",
    ),
    "index_beside": ("지수를 원본 옆의 {file}에서 가져왔습니다", "index series taken from {file} beside the source"),
    "no_index": ("지수가 없어 벤치마크가 없습니다", "no index series: there is no benchmark"),
    "kis_raw": (
        "KIS에서 받은 원주가({exchange}). 기준가는 종가에서 전일 대비를 뺀 값입니다",
        "raw prices from KIS ({exchange}); base prices are the close less the change of the day",
    ),
    "kis_adjusted": (
        "KIS에서 받은 수정주가({exchange}). 그 뒤에 분할이 있으면 다음 내려받기가 알아채고 다시 받습니다",
        "adjusted prices from KIS ({exchange}); a later split is noticed by the next download, which asks anew",
    ),
    "kis_unknown": (
        "KIS가 지난 날의 상장주식수, 종목 상태, 주식의 현금배당을 알려 주지 않아 이 데이터는 그것을 모릅니다",
        "KIS does not tell share counts, states or cash dividends of past days, so this dataset does not know them",
    ),
    "kis_doubtful": (
        "KIS가 권리락·분할로 표시했지만 기준가가 전일 종가와 같은 {count:,}일의 기준가는 모르는 것으로 봅니다",
        "{count:,} base prices are taken as unknown: KIS marks a split or ex-rights day, yet they equal the last close",
    ),
    "kis_calendar": (
        "KIS의 휴장일이 거울의 달력과 다른 날이 {count:,}일 있습니다 ({shown})",
        "{count:,} days on which the calendar of KIS differs from that of Geoul ({shown})",
    ),
    "market_changes": (
        "{count}개 종목이 시장을 옮겼습니다. 백테스트에는 마지막 시장이 쓰입니다",
        "{count} tickers changed their market; a backtest uses the last one for the whole time",
    ),
    "market_assumed": (
        "{count:,}개 종목의 시장이 원본에 없어 {market}로 봅니다. --market에 시장이나 종목-시장 파일을 주세요",
        "the market of {count:,} tickers is not in the source: taken as {market}; give --market a market or a file",
    ),
    "recorded_trades": (
        "{first}부터 {last}까지 기록된 체결 {count:,}건. 정규장 밖 {outside:,}건, 다른 거래소 {venues:,}건, "
        "중복 {repeated:,}건은 뺐습니다",
        "{count:,} trades recorded from {first} to {last}; left out: {outside:,} outside the session, {venues:,} of "
        "other venues, {repeated:,} told twice",
    ),
    "recorded_unseen": (
        "기록되지 않은 거래량 {count:,}주: 기록이 끊긴 동안의 체결은 없었던 것으로 재생합니다",
        "{count:,} shares were traded unrecorded: what happened in gaps of the recording is not replayed",
    ),
    "delistings": (
        "정리매매로 확인된 상장폐지 {known:,}건. 이유 없이 끊긴 종목 {unknown:,}개 (미확정)",
        "{known:,} delistings are known from liquidation trading; {unknown:,} tickers merely end (unresolved)",
    ),
}


class Note(BaseModel):
    """One remark in both languages; `code` is for programs."""

    model_config = ConfigDict(frozen=True)

    code: str
    ko: str
    en: str

    def text(self, lang: Literal["ko", "en"]) -> str:
        """The remark in one language."""
        return self.ko if lang == "ko" else self.en


def note(code: str, **values: object) -> Note:
    """The remark `code` with its fields filled in.

    >>> note("no_index").en
    'no index series: there is no benchmark'
    """
    korean, english = TEXTS[code]
    return Note(code=code, ko=korean.format(**values), en=english.format(**values))
