"""REST calls to KIS: the token, the rate, the guard and what became of each call, in one place.

`attempt` gives a value, an Answer or a Failure, and is what orders use. `call` raises instead, for reads.

What is repeated, and what is not:
    too fast (EGW00201)       reads and orders, a few times: the gateway refused before the order system saw it
    token refused (EGW00123)  a new token; then a read is repeated once, an order is not
    lost answer, server error a read is repeated a few times, an order never
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import requests
from pydantic import SecretStr

from brokers.kis.answer import Answer
from brokers.kis.auth import Tokens
from brokers.kis.beside import Listener
from brokers.kis.channel import Channel
from brokers.kis.codes import Handling
from brokers.kis.config import KisConfig
from brokers.kis.endpoint import Area, Endpoint
from brokers.kis.endpoints import ENDPOINTS
from brokers.kis.environment import LIVE, Environment
from brokers.kis.errors import BadAnswer, CallFailed, NotInPaper
from brokers.kis.outcome import Delivery, Failure, classify
from brokers.kis.rate_limit import Priority, RateLimiter
from brokers.kis.transport import HttpTransport
from brokers.kis.wire import R
from engine.clock import Clock
from engine.errors import BadInput, ConfigError

T = TypeVar("T")

_ORDER_ATTEMPTS_TOO_FAST = 3  # an order must not grow old in a queue
_READ_ATTEMPTS_TOO_FAST = 6
_FIRST_PAUSE_SECONDS = 0.5


class KisRest:
    """The REST side of one account.

    Args:
        config: whose account, and how.
        clock: decides when a token has expired, and keeps the rate.
        session: of the library `requests`; taken over, with how connections are made.
        sleep: waits that many seconds of the clock's time.
        report: is told what a person should know; what it was told also stands in `notes`.
        observe: is told what came back to each single request, before anything is made of it.
    """

    def __init__(
        self,
        config: KisConfig,
        clock: Clock,
        *,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        report: Callable[[str], None] | None = None,
        observe: Callable[[Endpoint, Delivery], None] | None = None,
    ) -> None:
        self.config, self._observe = config, observe
        self.notes: list[str] = list(config.warnings)
        self.clock_difference: timedelta | None = None  # KIS's clock less ours, at the last answer
        self._clock, self._sleep, self._told = clock, sleep, report
        self._listener: Listener | None = None
        options = config.options
        _prepare(config.token_folder)
        self._transport = HttpTransport(
            session, connect_seconds=options.connect_seconds, read_seconds=options.read_seconds
        )
        world = config.world
        self._account = self._open(world, config.rest_url, config.app_key, config.app_secret, options.calls_per_second)
        self._quotes = self._account
        if options.quotes == "live" and config.quote_app_key is not None and config.quote_app_secret is not None:
            self._quotes = self._open(
                LIVE,
                config.quote_rest_url,
                config.quote_app_key,
                config.quote_app_secret,
                options.quote_calls_per_second,
            )

    def attempt(
        self, name: str, values: Mapping[str, str] | None = None, *, variant: str = "", more: bool = False
    ) -> Answer | Failure:
        """Make one call and say what became of it.

        Args:
            name: of the call, such as "order_cash".
            values: its parameters; account and defaults are put in.
            variant: where a call has several TR ids: "buy", "sell", "recent", "older".
            more: it asks for the next page.

        Raises:
            BadInput: there is no such call or parameter, or one is missing.
            NotInPaper: the environment has no such call.
            WrongEnvironment: the call does not belong where it was about to go.
            KisError: the answer to the call for a token makes no sense. Nothing was sent then, as with all of these.
        """
        return self.wait_for(lambda: self._attempt(name, values or {}, variant, more))

    def listen_while_waiting(self, listen: Callable[[], None]) -> None:
        """From now on calls of this thread are made in another one, and `listen` is called here until they are done."""
        self._listener = Listener(listen)

    def wait_for(self, action: Callable[[], T]) -> T:
        """What an action gives that calls KIS, perhaps in several threads; see `listen_while_waiting`."""
        return action() if self._listener is None else self._listener.wait_for(action)

    def _attempt(self, name: str, values: Mapping[str, str], variant: str, more: bool) -> Answer | Failure:
        endpoint = _endpoint(name)
        channel, tokens = self._quotes if endpoint.area is Area.QUOTATION else self._account
        tr_id = self._tr_id(endpoint, variant, channel.environment)
        complete = endpoint.fill({**values, **self._account_values(endpoint)})
        too_fast = renewed = failed = 0
        while True:
            result = self._once(endpoint, channel, tokens, tr_id, complete, more)
            if isinstance(result, Answer):
                return result
            if result.handling is Handling.SLOW_DOWN:
                too_fast += 1
                if too_fast < (_ORDER_ATTEMPTS_TOO_FAST if endpoint.writes else _READ_ATTEMPTS_TOO_FAST):
                    continue
            elif endpoint.writes:
                return result
            elif result.handling is Handling.NEW_TOKEN:
                renewed += 1
                if renewed == 1:
                    continue
            elif result.handling is Handling.RETRY and result.retryable:
                failed += 1
                if failed < self.config.options.read_attempts:
                    self._sleep(_FIRST_PAUSE_SECONDS * 2 ** (failed - 1))
                    continue
            return result

    def _once(
        self,
        endpoint: Endpoint,
        channel: Channel,
        tokens: Tokens,
        tr_id: str,
        values: Mapping[str, str],
        more: bool,
    ) -> Answer | Failure:
        """One request; what it says about rate and token is heeded, for the next one."""
        # An order waits for no token, and goes before the reads.
        patient = not endpoint.writes
        try:
            token = tokens.current(wait=patient)
        except CallFailed as error:
            return error.failure
        channel.limiter.acquire(Priority.READ if patient else Priority.ORDER)
        delivery = channel.send(endpoint, tr_id=tr_id, values=values, token=token, more=more)
        if self._observe is not None:
            self._observe(endpoint, delivery)
        result = classify(endpoint, delivery, (*channel.hide, token.get_secret_value()))
        if isinstance(result, Answer):
            channel.limiter.recovered()
            self._compare_clocks(result)
        elif result.handling is Handling.SLOW_DOWN:
            channel.limiter.back_off()
        elif result.handling is Handling.NEW_TOKEN:
            with suppress(CallFailed):  # then the next call asks again
                tokens.renew(token, wait=patient)
        return result

    def call(
        self, name: str, values: Mapping[str, str] | None = None, *, variant: str = "", more: bool = False
    ) -> Answer:
        """Make one call and give its answer.

        Raises:
            CallFailed: KIS did not do it: refused, unknown or unavailable.
            BadInput, NotInPaper, WrongEnvironment: as `attempt`.
        """
        result = self.attempt(name, values, variant=variant, more=more)
        if isinstance(result, Failure):
            raise result.error()
        return result

    def pages(self, name: str, values: Mapping[str, str] | None = None, *, variant: str = "") -> tuple[Answer, ...]:
        """Make a call and follow its pages to the end. All of them or an error: never a part.

        Raises:
            BadAnswer: the pages do not end.
            CallFailed, BadInput, NotInPaper, WrongEnvironment: as `call`.
        """
        most = self.config.options.most_pages
        asked = dict(values or {})
        answers = [self.call(name, asked, variant=variant)]
        seen: set[tuple[str, ...]] = set()
        while answers[-1].more and answers[-1].endpoint.continuation:
            place = answers[-1].next_page()
            key = tuple(place.values())
            if key in seen or len(answers) >= most:
                raise BadAnswer(name, "tr_cont", answers[-1].tr_cont, f"an end of the pages within {most}")
            seen.add(key)
            answers.append(self.call(name, {**asked, **place}, variant=variant, more=True))
        return tuple(answers)

    def rows(
        self, name: str, record: type[R], values: Mapping[str, str] | None = None, *, variant: str = ""
    ) -> tuple[R, ...]:
        """The rows of all pages.

        Raises:
            BadAnswer, CallFailed, BadInput, NotInPaper, WrongEnvironment: as `pages`.
        """
        return tuple(row for answer in self.pages(name, values, variant=variant) for row in answer.rows(record))

    def approval_key(self) -> SecretStr:
        """A key with which the stream of the account's environment is opened; `CallFailed` if KIS gives none."""
        return self._account[1].approval_key()

    def revoke_tokens(self) -> None:
        """Make every token of this account void at KIS; `CallFailed` if it does not."""
        for _, tokens in {id(pair): pair for pair in (self._account, self._quotes)}.values():
            tokens.revoke()

    def close(self) -> None:
        """Close all connections. Tokens stay valid."""
        self._transport.close()

    def _open(
        self, world: Environment, base_url: str, app_key: SecretStr, app_secret: SecretStr, rate: float | None
    ) -> tuple[Channel, Tokens]:
        folder = self.config.token_folder
        key = hashlib.sha256(f"{base_url}|{app_key.get_secret_value()}".encode()).hexdigest()[:24]
        channel = Channel(
            environment=world,
            account_environment=self.config.world,
            base_url=base_url,
            app_key=app_key,
            app_secret=app_secret,
            limiter=RateLimiter(
                calls_per_second=rate or world.calls_per_second,
                burst=self.config.options.burst,
                clock=self._clock,
                sleep=self._sleep,
                state=folder / f"rate-{world.name}-{key}.txt",
            ),
            transport=self._transport,
            user_agent=self.config.user_agent,
            hide=self.config.secrets(),
        )
        return channel, Tokens(channel, folder=folder, clock=self._clock, sleep=self._sleep, report=self._report)

    def _tr_id(self, endpoint: Endpoint, variant: str, world: Environment) -> str:
        tr_id = endpoint.tr_id(world.name, variant, legacy=self.config.options.legacy_tr_ids)
        if not tr_id:
            instead = world.lacks.get(endpoint.name, "nothing")
            raise NotInPaper(
                f"{world.korean} ({world.name}) has no {endpoint.name} ({endpoint.korean}). What takes its place: "
                f"{instead}."
            )
        return tr_id

    def _account_values(self, endpoint: Endpoint) -> dict[str, str]:
        if endpoint.area is not Area.ACCOUNT:
            return {}
        return {"CANO": self.config.account.get_secret_value(), "ACNT_PRDT_CD": self.config.product}

    def _compare_clocks(self, answer: Answer) -> None:
        if answer.server_time is not None:
            self.clock_difference = answer.server_time - self._clock.now()

    def _report(self, sentence: str) -> None:
        self.notes.append(sentence)
        if self._told is not None:
            self._told(sentence)


def _endpoint(name: str) -> Endpoint:
    endpoint = ENDPOINTS.get(name)
    if endpoint is None or endpoint.area is Area.ACCESS:
        raise BadInput(f"There is no KIS call {name!r}. See brokers/kis/endpoints.py for those that there are.")
    return endpoint


def _prepare(folder: Path) -> None:
    problem = ""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise ConfigError(
            f"The folder {folder} for KIS tokens cannot be made: {problem}. Set token_folder under geoul."
        )
