"""The page at `/`: what this server is, and the world to watch and to move."""

from __future__ import annotations

from brokers.kis_server.setup import ServerSetup


def page_html(setup: ServerSetup, lang: str) -> str:
    """The page in Korean or English."""
    return f"<!doctype html><title>{lang} {setup.layout}</title>"
