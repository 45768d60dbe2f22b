"""The account's growth as a PNG, for channels that show pictures: growth against the index, and drawdowns below."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.notify.account_days import AccountDays
from engine.reports.language import Lang, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

MOST_SESSIONS = 250
_OWN, _INDEX, _LINE, _INK, _LOSS = "#5146c9", "#8d949f", "#e3e3de", "#1c1e22", "#235cd6"
_FONT_PACKAGE = "koreanize_matplotlib"
_FONT_FILE = "fonts/NanumGothic.ttf"
_TITLE = Text("계좌 수익률 · {first} … {last}", "Growth of the account · {first} … {last}")
_OWN_LABEL = Text("계좌 {value:+.2f}%", "account {value:+.2f}%")
_INDEX_LABEL = Text("지수 {value:+.2f}%", "index {value:+.2f}%")
_DRAWDOWN = Text("고점 대비", "below the peak")


def equity_picture(days: AccountDays, lang: Lang) -> bytes:
    """The picture of the last sessions (at most 250), 1000 × 500 pixels.

    Made without pyplot: nothing global is touched, so that several threads may draw.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (slow to import)
    from matplotlib.figure import Figure  # noqa: PLC0415

    points = days.points[-MOST_SESSIONS:]
    # The line begins with the value before the first session that is shown.
    levels = (1.0, *days.growth)[-len(points) - 1 :]
    own = [(level / levels[0] - 1) * 100 for level in levels]
    places = range(len(own))
    figure = Figure(figsize=(10, 5), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    font = korean_font()
    title = _TITLE(lang).format(first=points[0].session, last=points[-1].session)
    above.set_title(title, fontproperties=font, fontsize=13, color=_INK, loc="left")
    known = [(place, point.benchmark) for place, point in enumerate(points, start=1) if point.benchmark]
    if known:
        # The index is known from the first close on: there it begins, at the account's own level.
        first, base = known[0]
        index = [(1 + own[first] / 100) * level / base * 100 - 100 for _, level in known]
        change = (known[-1][1] / base - 1) * 100
        above.plot([place for place, _ in known], index, color=_INDEX, label=_INDEX_LABEL(lang).format(value=change))
    above.plot(places, own, color=_OWN, linewidth=2, label=_OWN_LABEL(lang).format(value=own[-1]))
    above.legend(prop=font, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    depths = (0.0, *drawdowns_percent(days))[-len(own) :]
    below.fill_between(places, depths, 0, color=_LOSS, alpha=0.35, linewidth=0)
    below.set_ylabel(_DRAWDOWN(lang), fontproperties=font, color=_INK)
    for axes in (above, below):
        _frame(axes, font)
    ticks = sorted({1 + round(step * (len(points) - 1) / 5) for step in range(6)})
    below.set_xticks(ticks, [f"{points[place - 1].session:%y-%m-%d}" for place in ticks], fontproperties=font)
    figure.tight_layout()
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def drawdowns_percent(days: AccountDays) -> list[float]:
    """Percent below the highest growth so far, one per session, 0 or less."""
    peak, found = 1.0, []
    for level in days.growth:
        peak = max(peak, level)
        found.append((level / peak - 1) * 100)
    return found


@cache
def korean_font() -> FontProperties:
    """A font that has Korean letters, from a package that brings its file: the machine may have none.

    The package is not imported: it would change the fonts of every picture in the process.
    """
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415

    package = importlib.util.find_spec(_FONT_PACKAGE)
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        file = Path(folder) / _FONT_FILE
        if file.is_file():
            return FontProperties(fname=file)
    return FontProperties(family=["NanumGothic", "Noto Sans CJK KR", "Malgun Gothic", "AppleGothic", "sans-serif"])


def sparkline(values: Sequence[float], most: int = 20) -> str:
    """The last values as a line of blocks, for channels without pictures.

    >>> sparkline([1, 2, 3, 2, 5])
    '▁▃▅▃█'
    """
    shown = list(values)[-most:]
    low, high = min(shown), max(shown)
    if high <= low:
        return "▄" * len(shown)
    return "".join("▁▂▃▄▅▆▇█"[round((value - low) / (high - low) * 7)] for value in shown)


def _frame(axes: Axes, font: FontProperties) -> None:
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.tick_params(colors=_INK, length=0)
    # The font has no minus sign of its own, so numbers are written with a hyphen.
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+.1f}%" if value else "0%")
    for label in axes.get_yticklabels():
        label.set_fontproperties(font)
