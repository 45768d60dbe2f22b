"""The page at `/`: what this server is, and the world to watch and to move, in Korean and English."""

from __future__ import annotations

import json
from types import MappingProxyType

from brokers.kis_server.setup import ServerSetup

_TEXTS = MappingProxyType(
    {
        "title": ("거울: KIS 호환 재생 서버", "Geoul: a KIS-compatible replay server"),
        "about": (
            "KIS Open API를 쓰는 프로그램의 주소만 이 서버로 바꾸면 과거의 시장에서 거래합니다.",
            "Point any KIS Open API program at this address, and it trades in a market of the past.",
        ),
        "time": ("시각", "time"),
        "phase": ("장 상태", "phase"),
        "next": ("다음 사건", "next event"),
        "speed": ("속도", "speed"),
        "sockets": ("실시간 연결", "sockets"),
        "busy": ("기다리는 프로그램", "waiting for"),
        "nobody": ("없음", "nobody"),
        "alone": ("첫 프로그램(속도를 누르면 바로 시작)", "the first program (a speed starts it at once)"),
        "silent": ("초 동안 응답 없음", "s of silence"),
        "leave": ("더 기다리지 않기", "wait no more"),
        "step": ("다음 사건으로", "next event"),
        "open": ("개장까지", "to the open"),
        "close": ("마감까지", "to the close"),
        "pause": ("멈춤", "pause"),
        "accounts": ("계좌", "accounts"),
        "deposit": ("예수금", "deposit"),
        "orderable": ("주문가능", "orderable"),
        "value": ("주식 평가", "holdings"),
        "holdings": ("잔고", "holdings"),
        "orders": ("오늘 주문", "orders of today"),
        "number": ("번호", "number"),
        "name": ("종목", "instrument"),
        "side": ("구분", "side"),
        "kind": ("유형", "kind"),
        "price": ("가격", "price"),
        "quantity": ("수량", "quantity"),
        "filled": ("체결", "filled"),
        "rest": ("잔량", "open"),
        "how": ("접속 방법", "how to connect"),
        "control": ("시험용 제어", "control for tests"),
        "other": ("English", "한국어"),
        "buy": ("매수", "buy"),
        "sell": ("매도", "sell"),
        "110": ("시가 단일가", "opening auction"),
        "112": ("정규장", "continuous"),
        "121": ("종가 단일가", "closing auction"),
        "129": ("장 마감", "closed"),
    }
)

_LONG_SILENCE = 10  # seconds; a program that is at work asks for the clock far more often

_SCRIPT = """
const prefix = location.pathname.replace(/\\/+$/, "");
const element = (tag, text) => { const made = document.createElement(tag); made.textContent = text; return made; };
const won = number => number.toLocaleString("ko-KR");
function table(columns, rows) {
  const made = document.createElement("table"), head = made.insertRow();
  columns.forEach(([name]) => head.append(element("th", T[name])));
  rows.forEach(row => { const line = made.insertRow(); columns.forEach(([name, show]) => {
    const cell = element("td", show(row)); if (typeof row[name] === "number") cell.className = "number";
    line.append(cell); }); });
  return made;
}
async function ask(path, body) {
  const options = body === undefined ? {} : {method: "POST", body: JSON.stringify(body),
    headers: {"Content-Type": "application/json"}};
  return (await fetch(prefix + "/_world/" + path, options)).json();
}
function waiting(clock) {
  const names = Object.entries(clock.silent);
  if (!names.length) return clock.alone ? [document.createTextNode(T.alone)] : [document.createTextNode(T.nobody)];
  return names.map(([name, seconds]) => {
    const line = element("span", name + " ");
    if (seconds >= LONG) {
      const button = element("button", T.leave);
      button.onclick = async () => {
        await fetch(prefix + "/_world/clients/" + encodeURIComponent(name), {method: "DELETE"}); await show(); };
      line.append(Math.round(seconds) + " " + T.silent + " ", button);
    }
    return line;
  });
}
async function move(path, body) { const answer = await ask(path, body);
  document.getElementById("error").textContent = answer.error || ""; await show(); }
async function show() {
  const clock = await ask("clock");
  for (const [name, text] of [["time", clock.time.replace("T", " ").slice(0, 19)], ["phase", T[clock.phase]],
      ["next", clock.next ? clock.next.replace("T", " ").slice(0, 19) : "–"], ["speed", "×" + clock.speed],
      ["sockets", clock.sockets]])
    document.getElementById(name).textContent = text;
  document.getElementById("busy").replaceChildren(...waiting(clock));
  const list = document.getElementById("accounts");
  const parts = (await ask("accounts")).flatMap(account => [
    element("h3", account.number + "-01 · " + account.environment),
    element("p", [["deposit", "deposit_d2"], ["orderable", "orderable"], ["value", "value"]]
      .map(([name, key]) => T[name] + " " + won(account[key])).join(" · ")),
    account.holdings.length ? table([["name", row => row.name + " " + row.ticker],
      ["quantity", row => won(row.quantity)], ["value", row => won(row.value)]], account.holdings) : "",
    account.orders.length ? table([["number", row => row.number], ["time", row => row.time],
      ["name", row => row.name + " " + row.ticker], ["side", row => T[row.side]], ["kind", row => row.kind],
      ["price", row => won(row.price)], ["quantity", row => won(row.quantity)], ["filled", row => won(row.filled)],
      ["rest", row => won(row.rest)]], account.orders) : ""]);
  list.replaceChildren(...parts);
}
document.querySelectorAll("button[data-path]").forEach(button =>
  button.onclick = () => move(button.dataset.path, JSON.parse(button.dataset.body)));
show(); setInterval(show, 1000);
"""

_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { opacity: .7; } dd { margin: 0; }
table { border-collapse: collapse; margin: .5rem 0 1rem; } th, td { padding: .2rem .7rem; text-align: left;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); } .number { text-align: right; }
button { margin: .2rem .3rem .2rem 0; padding: .3rem .8rem; } pre { overflow-x: auto; padding: .8rem;
  border: 1px solid color-mix(in srgb, currentColor 20%, transparent); } #error { color: #c33; }
"""

_BUTTONS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("step", "advance", {"until": "step"}),
    ("open", "advance", {"until": "open"}),
    ("close", "advance", {"until": "close"}),
    ("pause", "speed", {"speed": 0}),
    ("×1", "speed", {"speed": 1}),
    ("×60", "speed", {"speed": 60}),
    ("×600", "speed", {"speed": 600}),
)

_HOW = """prod: http://{host}{path}     # kis_devlp.yaml
vps:  http://{host}{path}
ops:  ws://{host}{path}
vops: ws://{host}{path}"""

_CONTROL = """curl http://{host}{path}/_world/clock
curl -X POST -d '{{"until": "close"}}' http://{host}{path}/_world/advance
curl -X POST -d '[{{"fault": "lost_answer", "calls": ["orders"], "chance": 0.1}}]' http://{host}{path}/_world/faults"""


def page_html(setup: ServerSetup, lang: str, host: str) -> str:
    """The page.

    Args:
        setup: of the server; its key, if any, stands in the addresses, because whoever sees the page has it.
        lang: "ko" or "en".
        host: host and port by which the page was reached.
    """
    place = 1 if lang == "en" else 0
    text = {name: both[place] for name, both in _TEXTS.items()}
    shown = "".join(character for character in host if character.isalnum() or character in ".:-[]")
    path = f"/{setup.key}" if setup.key else ""
    figures = "".join(
        f'<dt>{text[name]}</dt><dd id="{name}">–</dd>' for name in ("time", "phase", "next", "speed", "sockets", "busy")
    )
    buttons = "".join(
        f"<button data-path=\"{to}\" data-body='{json.dumps(body)}'>{text.get(name, name)}</button>"
        for name, to, body in _BUTTONS
    )
    other = "en" if place == 0 else "ko"
    words = json.dumps(text, ensure_ascii=False).replace("<", "\\u003c")
    return (
        f'<!doctype html><html lang="{"ko" if place == 0 else "en"}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{text["title"]}</title><style>{_STYLE}</style>'
        f'<p><a href="?lang={other}">{text["other"]}</a></p><h1>{text["title"]}</h1><p>{text["about"]}</p>'
        f'<dl>{figures}</dl><p>{buttons}</p><p id="error"></p>'
        f'<h2>{text["accounts"]}</h2><div id="accounts"></div>'
        f"<h2>{text['how']}</h2><pre>{_HOW.format(host=shown, path=path)}</pre>"
        f"<h2>{text['control']}</h2><pre>{_CONTROL.format(host=shown, path=path)}</pre>"
        f"<script>const T = {words}, LONG = {_LONG_SILENCE};{_SCRIPT}</script></html>"
    )
