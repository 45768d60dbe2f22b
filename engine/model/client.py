"""One question to a provider over the wire, once: the `openai` package against any address that speaks its endpoints.

Trying again, paying and storing are the business of the transport.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from engine.clock import Clock
from engine.errors import ConfigError
from engine.model.answer import RawAnswer, request_body
from engine.model.config import ModelConfig
from engine.model.failure import ModelFailure, ModelRefusedRequest, ModelUnavailable
from engine.model.request import ModelRequest
from engine.model.scrub import Scrubber

if TYPE_CHECKING:
    import openai

_CONNECT_SECONDS = 10.0
_LONGEST_TOLD = 500  # characters of what a server says about an error
_PASSING = (408, 409, 429)  # statuses beside 5xx that a later attempt may cure
_NO_KEY = "none"  # the package insists on a key; a local server ignores it


class AttemptFailed(Exception):
    """One attempt brought no answer.

    Args:
        failure: what to raise if it was the last.
        again: whether another attempt may succeed.
        maybe_charged: whether the provider may have answered, and charged for it.
        wait_seconds: how long the provider asks to wait; None = it does not say.
    """

    def __init__(
        self, failure: ModelFailure, *, again: bool, maybe_charged: bool, wait_seconds: float | None = None
    ) -> None:
        super().__init__(str(failure))
        self.failure, self.again = failure, again
        self.maybe_charged, self.wait_seconds = maybe_charged, wait_seconds


class Sends(Protocol):
    """Whatever asks a provider once."""

    def send(self, request: ModelRequest, timeout_seconds: float) -> RawAnswer:
        """The answer as it came.

        Raises:
            AttemptFailed: there is none.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class ModelClient:
    """The provider of a configuration.

    Args:
        config: address, key and manners.
        clock: the time of the questions, and for a Retry-After that is a date.
        scrub: masks secrets in what is received.

    Raises:
        ConfigError: OpenAI is to be asked and there is no key.
    """

    def __init__(
        self,
        config: ModelConfig,
        clock: Clock,
        *,
        scrub: Scrubber | None = None,
    ) -> None:
        if config.is_openai and config.api_key is None:
            raise ConfigError(
                "OpenAI is to be asked and there is no key. Set OPENAI_API_KEY, or name a variable in api_key_env or "
                "a file in api_key_file of the section `model`."
            )
        self._config, self._clock = config, clock
        self._scrub = scrub or Scrubber(config.secrets())
        self._client = _connect(config)

    def send(self, request: ModelRequest, timeout_seconds: float) -> RawAnswer:
        """Ask once and read the whole answer, up to the configured size.

        Raises:
            AttemptFailed: no answer, an error, or more than `max_answer_bytes`.
        """
        import httpx2  # noqa: PLC0415  (keeps --help fast)
        import openai  # noqa: PLC0415

        asked_at, started = self._clock.now(), time.monotonic()
        try:
            body, request_id = self._exchange(request, timeout_seconds, started + timeout_seconds)
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except openai.APIConnectionError as error:
            raise self._no_answer(error.__cause__ or error) from None
        except httpx2.HTTPError as error:
            raise self._no_answer(error) from None
        except openai.OpenAIError as error:
            text = self._told(error)
            raise AttemptFailed(ModelUnavailable(text), again=False, maybe_charged=True) from None
        latency = round((time.monotonic() - started) * 1_000)
        return RawAnswer(
            api=self._config.api,
            body=self._scrub(body),
            request_id=request_id,
            asked_at=asked_at,
            latency_ms=latency,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __repr__(self) -> str:
        return f"ModelClient({self._config.provider} {self._config.model} at {self._config.base_url})"

    def _exchange(self, request: ModelRequest, timeout_seconds: float, deadline: float) -> tuple[str, str]:
        import httpx2  # noqa: PLC0415

        chat = self._config.api == "chat"
        endpoint = self._client.chat.completions if chat else self._client.responses
        timeout = httpx2.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds))
        body: dict[str, Any] = request_body(request, self._config)
        received = bytearray()
        with endpoint.with_streaming_response.create(**body, timeout=timeout) as response:
            for block in response.iter_bytes():
                received += block
                if len(received) > self._config.max_answer_bytes:
                    raise AttemptFailed(
                        ModelUnavailable(
                            f"{self._place()} sent more than {self._config.max_answer_bytes:,} bytes. Lower "
                            f"max_output_tokens, or raise max_answer_bytes if such an answer is wanted."
                        ),
                        again=False,
                        maybe_charged=True,
                    )
                if time.monotonic() > deadline:  # the package's timeout starts anew with every byte
                    raise self._no_answer(TimeoutError())
            return received.decode(errors="replace"), response.headers.get("x-request-id", "")

    def _refusal(self, error: openai.APIStatusError) -> AttemptFailed:
        """An error of the server: passing ones are worth another attempt, others are told as they are."""
        status, told = error.status_code, self._told(error)
        if error.code == "insufficient_quota":
            failure: ModelFailure = ModelRefusedRequest(f"{told} The account at the provider has no credit left.")
            return AttemptFailed(failure, again=False, maybe_charged=False)
        if status in _PASSING or status >= 500:
            wait = self._wait(error.response.headers)
            return AttemptFailed(ModelUnavailable(told), again=True, maybe_charged=False, wait_seconds=wait)
        if status < 400:
            told += " It redirects; put the address it names into base_url if you trust it."
        advice = {401: " Check the key.", 403: " Check the rights of the key.", 404: " Check model and base_url."}
        failure = ModelRefusedRequest(told + advice.get(status, ""))
        return AttemptFailed(failure, again=False, maybe_charged=False)

    def _no_answer(self, error: BaseException) -> AttemptFailed:
        """A connection that failed. What never left cannot have been charged."""
        import httpx2  # noqa: PLC0415

        unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError)
        late = isinstance(error, httpx2.TimeoutException | TimeoutError)
        what = "cannot be reached" if unsent else "did not answer in time" if late else "broke off the connection"
        failure = ModelUnavailable(f"{self._place()} {what} ({type(error).__name__}).")
        return AttemptFailed(failure, again=True, maybe_charged=not unsent)

    def _told(self, error: openai.OpenAIError) -> str:
        text = self._scrub(str(getattr(error, "message", error)))[:_LONGEST_TOLD]
        return f"{self._place()}: {text}"

    def _place(self) -> str:
        return f"{self._config.model} at {self._config.base_url}"

    def _wait(self, headers: Any) -> float | None:
        """Seconds that a Retry-After asks for, as a number or a date; None if it says nothing that can be read."""
        told = str(headers.get("retry-after", "")).strip()
        if not told:
            return None
        try:
            return max(0.0, float(told))
        except ValueError:
            pass
        try:
            return max(0.0, (parsedate_to_datetime(told) - self._clock.now()).total_seconds())
        except (ValueError, TypeError):
            return None


def _connect(config: ModelConfig) -> openai.OpenAI:
    import openai  # noqa: PLC0415

    # A redirect could carry the question elsewhere, and a proxy has no business between us and our own machine.
    http = openai.DefaultHttpxClient(follow_redirects=False, trust_env=not config.is_loopback)
    key = config.api_key.get_secret_value() if config.api_key is not None else _NO_KEY
    return openai.OpenAI(api_key=key, base_url=config.base_url, max_retries=0, http_client=http)
