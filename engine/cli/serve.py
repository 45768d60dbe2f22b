"""`geoul serve`: the KIS-compatible server in front of a replayed market."""

from __future__ import annotations

import contextlib

from rich.console import Console

from engine.cli.option_group import spread
from engine.cli.options import READING, Lang, LangOption, progress_bar
from engine.cli.serve_greeting import greeting
from engine.cli.serve_options import ServeOptions
from engine.clock import SystemClock


@spread
def serve_command(*, options: ServeOptions, lang: LangOption = Lang.ko) -> None:
    """KIS 호환 서버: 어떤 KIS 프로그램이든 주소만 바꾸어 백테스트 · a KIS-compatible server on a replayed market.

    --data가 `geoul data record`의 폴더면 기록된 체결을 그 시각과 순서 그대로 재생합니다(--daily 필요) · a recording as
    --data is served trade by trade, at the recorded times (needs --daily).
    """
    import asyncio  # noqa: PLC0415  (keeps --help fast)

    from brokers.kis_server.server import KisServer, check_host, serve  # noqa: PLC0415
    from brokers.kis_server.state import WorldState, world_facts  # noqa: PLC0415
    from brokers.kis_server.world import World  # noqa: PLC0415
    from engine.cli.dataset import dataset_folder  # noqa: PLC0415

    settings, setup = options.settings(), options.setup()
    check_host(options.host, setup.key)
    rules = options.fault_rules()
    clock = SystemClock()
    with contextlib.ExitStack() as stack:
        with progress_bar() as bar:
            task = bar.add_task(READING(lang.value), total=None)
            folder = dataset_folder(options.data, lambda text: bar.update(task, description=text))
            panel = options.panel(folder)
            first = options.first_day(panel)
            shown = clock.now().date() if setup.as_today else None
            kept, place = None, options.place(setup)
            if place is not None:
                facts = world_facts(panel, settings, setup, first)
                kept = stack.enter_context(WorldState(place, facts, shown, fresh=options.fresh))
            bar.update(task, description=_RESTORING[lang.value])
            world = World(panel, settings, start=first, shown=shown if kept is None else kept.shown)
            server = KisServer(world, setup, clock, kept)
        server.give_rules(rules)
        speed = server.pace.speed = options.speed_of(setup)
        server.pace.waits_for_company = speed not in (0, 1)  # 0 is driven by others, and real time waits for nobody

        def ready(port: int) -> None:
            Console().print(greeting(server, kept, options.host, port, lang.language), highlight=False, soft_wrap=True)

        try:
            asyncio.run(serve(server, options.host, options.port, ready))
        except KeyboardInterrupt:
            Console().print(_BYE[lang.value])


_RESTORING = {"ko": "세계를 되살리는 중", "en": "restoring the world"}
_BYE = {"ko": "서버를 멈췄습니다.", "en": "The server has stopped."}
