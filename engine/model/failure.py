"""Why a model gave no answer. Every failure means the same for trading: nothing new is bought."""

from __future__ import annotations

from engine.errors import BadInput


class ModelFailure(BadInput):
    """No answer of a model can be had."""


class ModelUnavailable(ModelFailure):
    """The provider did not answer in time, or answered with an error that further tries did not cure."""


class ModelRefusedRequest(ModelFailure):
    """The provider refuses the request itself: key, rights, model, size or schema."""


class BudgetExhausted(ModelFailure):
    """The call could cost more than what is left of a cap."""


class UnknownPrice(ModelFailure):
    """Nobody knows what the call would cost, and the configuration does not allow that."""


class ReplayMiss(ModelFailure):
    """In replay the cassette has no answer to this request.

    Args:
        message: what is asked, and how it differs from the nearest recorded request.
        key: of the request.
    """

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key
