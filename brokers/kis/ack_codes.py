"""What KIS answers to a subscription (OPSP…), in words, and what to do about each.

Source: API workbook of 2026-09-11 and the constants of python-kis 6fcde3f; codes 9990 to 9999 as one group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Reaction(Enum):
    """What the client does."""

    REGISTERED = "registered"
    REMOVED = "removed"
    TRY_AGAIN = "try again"  # a few times, then give the subscription up
    FEWER = "fewer"  # KIS takes no more registrations: go on with what it took
    GIVE_UP = "give up"  # this subscription can never work
    NEW_KEY = "new key"  # fetch a new approval key and connect again
    CONNECT_LATER = "connect later"  # the session is not ours: another one has the app key


@dataclass(frozen=True, slots=True)
class AckCode:
    """One code: what KIS says, what it means in Korean and English, and the reaction."""

    reaction: Reaction
    korean: str
    english: str

    def text(self, lang: str = "ko") -> str:
        """The meaning, and the next step where a person must act."""
        return self.english if lang == "en" else self.korean


ACK_CODES: Mapping[str, AckCode] = MappingProxyType(
    {
        "OPSP0000": AckCode(Reaction.REGISTERED, "등록되었습니다", "registered"),
        "OPSP0001": AckCode(Reaction.REMOVED, "해제되었습니다", "registration ended"),
        "OPSP0002": AckCode(Reaction.REGISTERED, "이미 등록되어 있습니다", "was registered already"),
        "OPSP0003": AckCode(Reaction.REMOVED, "등록되어 있지 않아 해제할 것이 없습니다", "was not registered"),
        "OPSP0007": AckCode(Reaction.TRY_AGAIN, "KIS 내부 오류입니다", "internal error at KIS"),
        "OPSP0008": AckCode(
            Reaction.FEWER,
            "등록 한도를 넘었습니다. 나머지는 돌아가며 등록합니다",
            "no more registrations are taken; the rest takes turns",
        ),
        "OPSP0009": AckCode(Reaction.TRY_AGAIN, "KIS 내부 전송 오류입니다", "KIS could not pass it on"),
        "OPSP0010": AckCode(
            Reaction.NEW_KEY,
            "앱키가 유효하지 않습니다. 설정의 앱키를 확인하십시오",
            "the app key is not valid; check the app key in the configuration",
        ),
        "OPSP0011": AckCode(
            Reaction.NEW_KEY,
            "접속키가 유효하지 않습니다. 새 접속키로 다시 연결합니다",
            "the approval key is not valid; connecting again with a new one",
        ),
        "OPSP8991": AckCode(
            Reaction.GIVE_UP,
            "이 환경에 없는 TR입니다. 모의투자는 체결, 호가, 체결통보만 제공합니다",
            "no such message in this environment; paper has trades, book and notices only",
        ),
        "OPSP8992": AckCode(
            Reaction.GIVE_UP,
            "종목코드 또는 HTS ID가 잘못되었습니다. 설정과 종목을 확인하십시오",
            "wrong ticker or HTS id; check the configuration and the ticker",
        ),
        "OPSP8993": AckCode(
            Reaction.GIVE_UP,
            "종목코드 또는 HTS ID가 잘못되었습니다. 설정과 종목을 확인하십시오",
            "wrong ticker or HTS id; check the configuration and the ticker",
        ),
        "OPSP8994": AckCode(
            Reaction.GIVE_UP, "법인 비밀키(personalseckey)가 잘못되었습니다", "wrong personalseckey (companies only)"
        ),
        "OPSP8995": AckCode(
            Reaction.GIVE_UP,
            "앱 시크릿이 잘못되었습니다. 설정을 확인하십시오",
            "wrong app secret; check the configuration",
        ),
        "OPSP8996": AckCode(
            Reaction.CONNECT_LATER,
            "같은 앱키로 연결된 다른 프로그램이 있습니다. 그 프로그램을 끝내면 자동으로 연결됩니다",
            "another program is connected with this app key; when it ends, this one connects by itself",
        ),
        "OPSP8997": AckCode(Reaction.GIVE_UP, "등록 구분(tr_type)이 잘못되었습니다", "wrong tr_type"),
        "OPSP8998": AckCode(
            Reaction.GIVE_UP,
            "고객 구분(custtype)이 잘못되었습니다: 개인 P, 법인 B",
            "wrong custtype: P person, B company",
        ),
        "OPSP8999": AckCode(Reaction.TRY_AGAIN, "KIS가 입력 오류라고 답했습니다", "KIS reports an input error"),
    }
)

_JSON_ERROR = AckCode(Reaction.TRY_AGAIN, "KIS가 요청을 읽지 못했습니다", "KIS could not read the request")
_UNKNOWN = AckCode(Reaction.TRY_AGAIN, "알려지지 않은 오류입니다", "an error that is not known")
_UNKNOWN_SUCCESS = AckCode(Reaction.REGISTERED, "등록되었습니다", "registered")


def explain_ack(code: str, return_code: str) -> AckCode:
    """The meaning of an answer; a code that is not known counts as success only where the return code is "0"."""
    known = ACK_CODES.get(code)
    if known is not None:
        return known
    if code.startswith("OPSP999"):
        return _JSON_ERROR
    return _UNKNOWN_SUCCESS if return_code == "0" else _UNKNOWN
