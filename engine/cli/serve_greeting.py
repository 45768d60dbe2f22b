"""What `geoul serve` says when it is ready: where it is, and the lines that point a program at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from brokers.kis_server.server import KisServer
    from brokers.kis_server.state import WorldState


def greeting(server: KisServer, kept: WorldState | None, host: str, port: int, lang: Literal["ko", "en"]) -> str:
    """Where the server is, and the lines that point a program at it."""
    path = f"/{server.setup.key}" if server.setup.key else ""
    shown = f"[{host}]" if ":" in host else host
    world = server.world
    lines = [
        _HERE[lang].format(url=f"http://{shown}:{port}{path}/", time=world.wire_now().strftime("%Y-%m-%d %H:%M")),
        "",
        _YAML[lang],
    ]
    lines += [f"  {name}: http://{shown}:{port}{path}" for name in ("prod", "vps")]
    lines += [f"  {name}: ws://{shown}:{port}{path}" for name in ("ops", "vops")]
    panel = world.market.panel
    if panel.trades_from is not None:
        lines += ["", *(note.text(lang) for note in panel.manifest.notes)]
    if kept is not None:
        lines += ["", (_BEGUN if kept.is_new else _KEPT)[lang].format(folder=kept.folder)]
        if world.next_step is None:
            lines += [_ENDED[lang]]
    if server.pace.is_alone:
        lines += ["", _ALONE[lang]]
    if server.setup.enrol:
        lines += ["", _NEXT[lang].format(url=f"http://{shown}:{port}{path}")]
    lines += ["", _KEYS[lang] if server.setup.enrol else _LISTED[lang]]
    return "\n".join(lines)


_HERE = {"ko": "거울 KIS 서버: {url}  재생 시각 {time}", "en": "Geoul KIS server: {url}  world time {time}"}
_BEGUN = {
    "ko": "이 세계는 여기에 보관됩니다. 꺼져도 같은 명령으로 이어집니다: {folder}",
    "en": "This world is kept here; the same command goes on with it: {folder}",
}
_KEPT = {
    "ko": "보관된 세계를 이어 갑니다(처음부터 하려면 --fresh): {folder}",
    "en": "Going on with the world kept here (--fresh begins anew): {folder}",
}
_ENDED = {"ko": "데이터가 끝났습니다. --fresh로 처음부터 하세요.", "en": "Its data has ended: begin anew with --fresh."}
_YAML = {"ko": "kis_devlp.yaml에 넣을 주소:", "en": "addresses for kis_devlp.yaml:"}
_NEXT = {
    "ko": "거울로 거래하려면 다른 터미널에서: geoul paper --world {url}",
    "en": "to trade here with Geoul, in another terminal: geoul paper --world {url} --lang en",
}
_ALONE = {
    "ko": "참여하는 프로그램이 없으면 시각이 멈춰 있습니다. 첫 프로그램이 오거나 페이지에서 속도를 누르면 갑니다.",
    "en": "Time stands while no program takes part: it starts when the first one comes, or with a speed on the page.",
}
_KEYS = {
    "ko": "앱키, 시크릿, 계좌번호는 아무 값이나 됩니다. 처음 온 계좌가 시작 자금을 받습니다. Ctrl-C로 멈춥니다.",
    "en": "Any app key, secret and account number will do: each new one gets the starting money. Ctrl-C stops.",
}
_LISTED = {"ko": "적힌 계좌만 받습니다. Ctrl-C로 멈춥니다.", "en": "Only the listed accounts come in. Ctrl-C stops."}
