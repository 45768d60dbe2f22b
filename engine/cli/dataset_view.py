"""What a dataset is, on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.data import catalog
from engine.data.manifest import FILE_NAME, Manifest

NOTES_SHOWN = 12


def print_dataset(console: Console, folder: Path, manifest: Manifest, lang: str) -> None:
    """Print what a dataset is: a short table and the notes of its import."""
    korean = lang == "ko"
    instruments = catalog.read_instruments(folder)
    actions = catalog.read_actions(folder)
    markets = ", ".join(
        f"{product if product != 'STOCK' else market} {count:,}"
        for (market, product), count in _counts(instruments).items()
    )
    price = ("수정주가" if manifest.adjusted else "원주가") if korean else ("adjusted" if manifest.adjusted else "raw")
    scale = "" if manifest.price_scale == 1 else f", 1/{manifest.price_scale} won"
    title = escape(manifest.name)
    if manifest.synthetic:
        title += (
            " [bold magenta](합성 데이터: 실제 시세 아님)[/]"
            if korean
            else " [bold magenta](synthetic, not real prices)[/]"
        )
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in (
        (("기간", "range")[not korean], f"{manifest.first} … {manifest.last} ({manifest.interval})"),
        (("행", "rows")[not korean], f"{manifest.rows:,}"),
        (("종목", "tickers")[not korean], f"{manifest.tickers:,} ({markets})"),
        (("가격", "prices")[not korean], price + scale),
        (("열", "columns")[not korean], ", ".join(manifest.columns)),
        (("지수", "indices")[not korean], ", ".join(catalog.read_indices(folder)) or "–"),
        (("권리락·분할", "corporate actions")[not korean], _action_counts(actions)),
        (("배당", "dividends")[not korean], f"{manifest.dividends:,}" if manifest.dividends else "–"),
        (("빈 구간", "gaps")[not korean], _gap_text(manifest)),
        (("해시", "hash")[not korean], manifest.content_hash[:16]),
        (("원본", "source")[not korean], escape(_shorten(manifest.source))),
    ):
        table.add_row(*row)
    console.print(table)
    language: Literal["ko", "en"] = "ko" if korean else "en"
    for remark in manifest.notes[:NOTES_SHOWN]:
        console.print(f"[dim]· {escape(remark.text(language))}[/]")
    if len(manifest.notes) > NOTES_SHOWN:
        console.print(f"[dim]· … {len(manifest.notes) - NOTES_SHOWN} more in {escape(str(folder / FILE_NAME))}[/]")


def _counts(instruments: Any) -> dict[tuple[str, str], int]:
    counted = instruments.group_by("market", "product").len().sort("len", descending=True)
    return {(market, product): count for market, product, count in counted.rows()}


def _action_counts(actions: Any) -> str:
    counted = actions.group_by("kind").len().sort("kind").rows()
    return ", ".join(f"{kind} {count:,}" for kind, count in counted) or "–"


def _gap_text(manifest: Manifest) -> str:
    gaps = sorted(manifest.gaps, key=lambda gap: -gap.sessions)
    shown = ", ".join(f"{gap.after}…{gap.before} ({gap.sessions})" for gap in gaps[:4])
    return shown + (f" … {len(gaps)}" if len(gaps) > 4 else "") if gaps else "–"


def _shorten(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" … {len(names)}" if len(names) > 4 else "")
