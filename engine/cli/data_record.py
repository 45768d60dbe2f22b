"""`geoul data record`: the live stream of KIS on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from engine.cli.kis_options import ClockOption, EnvironmentOption, KisConfigOption, clock_chooser, environment_of
from engine.cli.options import Lang, LangOption, SeedOption
from engine.cli.universe import CodesOption, OldCodesOption, UniverseOption, universe_codes
from engine.errors import BadInput

if TYPE_CHECKING:
    from brokers.kis.recording import Recorder
    from brokers.kis.websocket import RealtimeSocket

_TOLD_SECONDS = 0.5


def record_command(
    folder: Annotated[Path, typer.Argument(help="기록 폴더 · folder of the recording")],
    tickers: CodesOption = None,
    old_tickers: OldCodesOption = None,
    universe: UniverseOption = None,
    flush: Annotated[
        float, typer.Option("--flush", min=0.05, max=3600, help="디스크에 쓰는 간격(초) · seconds between writes")
    ] = 1.0,
    rotate: Annotated[
        float, typer.Option("--rotate", min=1, help="파일을 바꾸는 간격(분) · minutes until a new file")
    ] = 15.0,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="이만큼만(기본: Ctrl-C까지) · stop after so long")
    ] = None,
    environment: EnvironmentOption = "paper",
    file: KisConfigOption = None,
    clock: ClockOption = "system",
    seed: SeedOption = 1,
    lang: LangOption = Lang.ko,
) -> None:
    """실시간 체결·호가·통보를 Parquet으로 기록합니다(Ctrl-C로 끝) · record the live stream to Parquet."""
    import numpy as np  # noqa: PLC0415  (keeps --help fast)

    from brokers.kis.config import load_kis_config  # noqa: PLC0415
    from brokers.kis.realtime_fields import STREAMS  # noqa: PLC0415
    from brokers.kis.recording import Recorder, RecordingSettings  # noqa: PLC0415
    from brokers.kis.rest import KisRest  # noqa: PLC0415
    from brokers.kis.subscriptions import HIGHEST, Subscription  # noqa: PLC0415
    from brokers.kis.websocket import RealtimeSocket  # noqa: PLC0415

    codes = universe_codes(tickers, universe, old_tickers)
    if codes is None:
        raise BadInput("Which tickers? Say --ticker or --universe.")
    config = load_kis_config(environment_of(environment), variables=os.environ, path=file)
    now, sleep = clock_chooser(clock)(config)
    errors = Console(stderr=True)
    rest = KisRest(config, now, sleep=sleep)
    socket = RealtimeSocket(
        url=config.websocket_url,
        approval_key=lambda renew: rest.approval_key().get_secret_value(),
        clock=now,
        generator=np.random.default_rng(seed),
        settings=config.stream_settings(),
    )
    socket.subscribe(Subscription(tr_id, code) for tr_id in STREAMS[config.options.exchange] for code in codes)
    if config.hts_id is not None:
        socket.subscribe([Subscription(config.world.fill_stream, config.hts_id.get_secret_value())], HIGHEST)
    settings = RecordingSettings(flush_seconds=flush, rotate_seconds=rotate * 60)
    try:
        with Recorder(folder, now, settings) as recorder:
            if recorder.mended:
                count = recorder.mended
                errors.print(
                    f"지난 기록에서 남은 파일 {count}개를 살렸습니다."
                    if lang is Lang.ko
                    else f"Saved {count} files that an earlier recording had left."
                )
            try:
                with socket:
                    _follow(socket, recorder, seconds, lang, errors)
            finally:
                recorder.take(socket.queue.take_all(0.0))  # what came until the stream was closed
    except KeyboardInterrupt:
        pass
    finally:
        rest.close()
    _print_result(folder, recorder.records, lang)


def _follow(socket: RealtimeSocket, recorder: Recorder, seconds: float | None, lang: Lang, errors: Console) -> None:
    from brokers.kis.stream_reports import DivisionChange, Gap, LinkChange, SubscriptionRefused  # noqa: PLC0415

    end = None if seconds is None else time.monotonic() + seconds
    told_at = time.monotonic()
    with errors.status("…") as status:
        while end is None or time.monotonic() < end:
            items = socket.queue.take_all(0.1)
            recorder.take(items)
            for item in items:
                if isinstance(item, LinkChange | Gap | SubscriptionRefused | DivisionChange):
                    errors.print(escape(item.text(lang.language)), soft_wrap=True)
            if time.monotonic() - told_at >= _TOLD_SECONDS:
                told_at = time.monotonic()
                count, dropped = recorder.records, socket.status().dropped
                status.update(
                    f"{count:,}건, 버림 {dropped:,}" if lang is Lang.ko else f"{count:,}, dropped {dropped:,}"
                )


def _print_result(folder: Path, count: int, lang: Lang) -> None:
    place = escape(str(folder))
    text = f"{count:,}건 기록: {place}" if lang is Lang.ko else f"{count:,} records in {place}"
    Console().print(text, soft_wrap=True)
