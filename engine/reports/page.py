"""One self-contained page: style, script and pictures inside, no network, and only our script may run.

Names of tickers, rules and files are data: the templates escape them, and the page's own content policy names
the hash of the one script it admits, so that even a slip in escaping could not run anything.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from markupsafe import Markup

from engine.data.atomic import atomic_path
from engine.reports.language import Lang
from engine.reports.templating import environment
from engine.reports.warnings import sentence
from engine.result import RunWarning

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """What a page says about its own making.

    Args:
        lang: language of the page.
        title: heading, such as the path of the prompt; empty takes what the configuration names.
        prompt_hash: sha256 of the prompt or strategy that ran, empty to leave it out.
        version: version of Geoul, empty to leave it out.
        generated_at: aware time of making from the injected clock; None leaves it out, and then equal
            results give equal bytes.
    """

    lang: Lang = "ko"
    title: str = ""
    prompt_hash: str = ""
    version: str = ""
    generated_at: datetime | None = None


def render_page(template: str, view: dict[str, object], options: PageOptions, *, title: str, synthetic: bool) -> str:
    """Fill a template with a view."""
    lang = options.lang
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
    moment = options.generated_at
    frame = {
        "lang": lang,
        "t": lambda ko, en: ko if lang == "ko" else en,
        "title": title,
        "synthetic": synthetic,
        "synthetic_sentence": sentence(RunWarning("synthetic"), lang),
        "style": Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "script_hash": content_hash(script),
        "version": options.version,
        "generated_at": moment.strftime("%Y-%m-%d %H:%M %Z") if moment else "",
    }
    return environment(TEMPLATES).get_template(template).render(frame | view)


def content_hash(script: str) -> str:
    """The name of a script in a content security policy.

    >>> content_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def keep_page(page: str, path: Path) -> Path:
    """Write a page: whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path
