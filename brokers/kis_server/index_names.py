"""Which index of the data a code of KIS means."""

from __future__ import annotations

from types import MappingProxyType

from brokers.kis_server.call import Call, Refusal

# Source: 업종코드 of the official samples (885dd4e), read 2026-11-23.
INDICES = MappingProxyType({"0001": "KOSPI", "1001": "KOSDAQ", "2001": "KOSPI200"})


def index_of(call: Call) -> str:
    """The index that a call asks for.

    Raises:
        Refusal: no such code, or the data has no such index.
    """
    name = INDICES.get(call.values["FID_INPUT_ISCD"])
    if name is None or name not in call.world.market.panel.indices:
        raise Refusal("OPSQ2001", "ERROR INVALID INPUT_FILED NOT_FOUND(FID_INPUT_ISCD): 데이터에 없는 지수입니다.", "2")
    return name
