"""Calls that give access: token, approval key of the stream, revocation, hash of an order.

They have no TR id, and their answers have no envelope: see `access_messages`.
Source: official samples (885dd4e), kis_auth.py and the portal's pages on OAuth; read 2026-11-23.
"""

from __future__ import annotations

from brokers.kis.endpoint import Area, Endpoint, Parameter

_GRANT = Parameter(name="grant_type", default="client_credentials", allowed=frozenset({"client_credentials"}))
_KEY = Parameter(name="appkey")

ACCESS_ENDPOINTS = (
    Endpoint(
        name="tokenP",
        korean="접근토큰발급(P)",
        method="POST",
        path="/oauth2/tokenP",
        area=Area.ACCESS,
        tr={},
        parameters=(_GRANT, _KEY, Parameter(name="appsecret")),
    ),
    Endpoint(
        name="revokeP",
        korean="접근토큰폐기(P)",
        method="POST",
        path="/oauth2/revokeP",
        area=Area.ACCESS,
        tr={},
        parameters=(_KEY, Parameter(name="appsecret"), Parameter(name="token")),
    ),
    Endpoint(
        name="Approval",
        korean="실시간(웹소켓) 접속키 발급",
        method="POST",
        path="/oauth2/Approval",
        area=Area.ACCESS,
        tr={},
        # The app secret, under another name than everywhere else.
        parameters=(_GRANT, _KEY, Parameter(name="secretkey")),
    ),
    # Its body is the order itself, so it has no parameters of its own. Optional: Geoul does not call it, others do.
    Endpoint(name="hashkey", korean="Hashkey", method="POST", path="/uapi/hashkey", area=Area.ACCESS, tr={}),
)
