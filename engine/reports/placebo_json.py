"""A placebo run as JSON, for programs that decide by it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.reports.language import Lang
from engine.reports.placebo_view import headline, remarks
from engine.research.placebo_run import PlaceboRun


def placebo_text(run: PlaceboRun, *, names: tuple[str, str], labels: Sequence[str], lang: Lang) -> str:
    """All codes and figures of every world; `names` are what base and candidate are called."""
    word, why = headline(run, lang)
    document = {
        "base": names[0],
        "candidate": names[1],
        **run.as_json(),
        "rules": list(labels),
        "sentence": f"{word}: {why}",
        "remarks": remarks(run, lang),
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
