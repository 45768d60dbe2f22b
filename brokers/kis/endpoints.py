"""Every REST call of KIS that Geoul makes or serves, found by its name, or by path and TR id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from brokers.kis.access_endpoints import ACCESS_ENDPOINTS
from brokers.kis.account_endpoints import ACCOUNT_ENDPOINTS
from brokers.kis.endpoint import Area, Endpoint
from brokers.kis.environment import EnvironmentName
from brokers.kis.quotation_endpoints import QUOTATION_ENDPOINTS

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {call.name: call for call in (*ACCOUNT_ENDPOINTS, *QUOTATION_ENDPOINTS, *ACCESS_ENDPOINTS)}
)

# The only ids with which an adapter of the paper account may reach the live host. Written out, not derived: a call
# that is put into the wrong table must not thereby become allowed.
LIVE_QUOTATION_IDS = frozenset(
    {
        "CTCA0903R",
        "CTPF1002R",
        "CTPF1604R",
        "FHKST01010100",
        "FHKST01010200",
        "FHKST01010300",
        "FHKST01010400",
        "FHKST03010100",
        "FHKST03010200",
        "FHKST03010230",
        "FHKST11300006",
        "FHKUP03500100",
        "FHPST01010000",
        "FHPST01060000",
        "FHPST01390000",
        "FHPST01700000",
        "FHPST01710000",
        "FHPST01740000",
        "FHPUP02100000",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a request asks for.

    Args:
        endpoint: the call.
        variant: such as "buy".
        environment: to which the TR id belongs; both know the ids of quotations, then it is the one asked about.
        legacy: the id is the older one.
    """

    endpoint: Endpoint
    variant: str
    environment: EnvironmentName
    legacy: bool


def find(path: str, tr_id: str, environment: EnvironmentName) -> Found | None:
    """The call that a request to `path` with `tr_id` means in an environment; None if it has none.

    The same path with an id of the other environment, or with an id of another call, is nothing.
    """
    for call in ENDPOINTS.values():
        if call.path != path:
            continue
        for variant, ids in call.tr.items():
            if tr_id in ids.known(environment):
                legacy = tr_id != ids.of(environment)
                return Found(endpoint=call, variant=variant, environment=environment, legacy=legacy)
    return None


def missing_in(environment: EnvironmentName) -> tuple[str, ...]:
    """Names of the calls that an environment does not have."""
    return tuple(name for name, call in ENDPOINTS.items() if not call.available(environment))


__all__ = ["ENDPOINTS", "LIVE_QUOTATION_IDS", "Area", "Found", "find", "missing_in"]
