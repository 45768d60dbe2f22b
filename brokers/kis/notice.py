"""One notice of the account (체결통보): an order was received, filled, amended, cancelled or refused.

Its repr shows neither account nor owner, because notices are logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from brokers.kis import field_values as fv
from brokers.kis.realtime_fields import TABLES
from engine.order import Side

NEW, AMEND, CANCEL = "0", "1", "2"  # RCTF_CLS
RECEIVED, CONFIRMED, REST_CANCELLED = "1", "2", "3"  # ACPT_YN

_SIDE = {"01": Side.SELL, "02": Side.BUY, "1": Side.SELL, "2": Side.BUY}
_SIDE_CODE = {Side.SELL: "01", Side.BUY: "02"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What KIS says about one order at one moment; `notices` makes news of it.

    Args:
        tr_id: H0STCNI0 live, H0STCNI9 paper.
        account: CANO and product code, ten digits.
        customer: HTS id.
        order_number: as received; padded on live, unpadded on paper: compare `int()`.
        original_number: the number that an amend or a cancel refers to, "" otherwise.
        side: buy or sell.
        request: NEW, AMEND or CANCEL.
        order_kind: ORD_DVSN of the order, such as "00".
        condition: 0 none, 1 IOC, 2 FOK.
        ticker: KRX short code.
        quantity: shares of this fill, or of the order where nothing was filled.
        price: won of this fill, or of the order.
        time: of the exchange, whole seconds; its day is the one nearest to `received_at`.
        received_at: by our clock.
        refused: the exchange said no.
        filled: this notice is a fill.
        step: RECEIVED, CONFIRMED or REST_CANCELLED.
        branch: part of the order's identity, = KRX_FWDG_ORD_ORGNO.
        order_quantity: shares of the whole order.
        order_price: won; 0 for a market order.
        stop_price: won, 0 if none; the layout of 23 fields has none.
        exchange_code: 1 KRX, 2 NXT, 3 SOR to KRX, 4 SOR to NXT; "" in the layout of 23 fields.
        credit: CRDT_CLS.
        owner: name of the account.
        name: of the issue.
    """

    tr_id: str
    account: str = field(default="", repr=False)
    customer: str = field(default="", repr=False)
    order_number: str
    original_number: str = ""
    side: Side
    request: str = NEW
    order_kind: str = "00"
    condition: str = "0"
    ticker: str
    quantity: int
    price: int
    time: datetime
    received_at: datetime
    refused: bool = False
    filled: bool = False
    step: str = RECEIVED
    branch: str = ""
    order_quantity: int = 0
    order_price: int = 0
    stop_price: int = 0
    exchange_code: str = ""
    credit: str = ""
    owner: str = field(default="", repr=False)
    name: str = ""

    @property
    def number(self) -> int:
        """The order number for comparisons."""
        return int(self.order_number)

    @property
    def original(self) -> int | None:
        """The number of the order that was amended or cancelled; None if there is none."""
        return int(self.original_number) if self.original_number else None

    @classmethod
    def from_fields(cls, tr_id: str, values: Sequence[str], received_at: datetime) -> Notice:
        """Read a record of 23 or of 26 fields; a field that is not as documented raises `FrameError`."""
        layout = TABLES[tr_id].layout(len(values)) or ()
        place = {name: index for index, name in enumerate(layout)}
        texts = {name: fv.text(values[index]) for name, index in place.items()}

        def number_of(name: str) -> str:
            found = texts[name]
            if found and not (found.isascii() and found.isdigit() and len(found) <= 18):
                raise fv.wrong_field(tr_id, values, place[name], "an order number")
            return found

        def whole(name: str) -> int:
            return fv.whole(tr_id, values, place[name], blank=0) if name in place else 0

        def one_of(name: str, *codes: str) -> str:
            if texts[name] not in codes:
                raise fv.wrong_field(tr_id, values, place[name], " or ".join(codes))
            return texts[name]

        order_number = number_of("ODER_NO")
        if not order_number:
            raise fv.wrong_field(tr_id, values, place["ODER_NO"], "an order number")
        original_number = number_of("OODER_NO")
        return cls(
            tr_id=tr_id,
            account=texts["ACNT_NO"],
            customer=texts["CUST_ID"],
            order_number=order_number,
            original_number=original_number if original_number.strip("0") else "",
            side=_SIDE[one_of("SELN_BYOV_CLS", *_SIDE)],
            request=one_of("RCTF_CLS", NEW, AMEND, CANCEL),
            order_kind=texts["ODER_KIND"],
            condition=texts["ODER_COND"],
            ticker=fv.code(tr_id, values, place["STCK_SHRN_ISCD"]),
            quantity=whole("CNTG_QTY"),
            price=whole("CNTG_UNPR"),
            time=fv.instant(tr_id, values, place["STCK_CNTG_HOUR"], received_at),
            received_at=received_at,
            refused=one_of("RFUS_YN", "0", "1", "N", "Y", "") in ("1", "Y"),
            filled=one_of("CNTG_YN", "1", "2") == "2",
            step=texts["ACPT_YN"],
            branch=texts["BRNC_NO"],
            order_quantity=whole("ODER_QTY"),
            order_price=whole("ODER_PRC"),
            stop_price=whole("ORD_COND_PRC"),
            exchange_code=texts.get("ORD_EXG_GB", ""),
            credit=texts["CRDT_CLS"],
            owner=texts["ACNT_NAME"],
            name=texts["CNTG_ISNM40"],
        )

    def to_fields(self, length: int | None = None, others: dict[str, str] | None = None) -> list[str]:
        """The record in the layout of 23 or 26 fields, by default the newer one.

        Args:
            length: 23 or 26.
            others: fields that this record does not hold, by name.
        """
        known = {
            "CUST_ID": self.customer,
            "ACNT_NO": self.account,
            "ODER_NO": self.order_number,
            "OODER_NO": self.original_number,
            "SELN_BYOV_CLS": _SIDE_CODE[self.side],
            "RCTF_CLS": self.request,
            "ODER_KIND": self.order_kind,
            "ODER_COND": self.condition,
            "STCK_SHRN_ISCD": self.ticker,
            "CNTG_QTY": str(self.quantity),
            "CNTG_UNPR": str(self.price),
            "STCK_CNTG_HOUR": fv.time_text(self.time),
            "RFUS_YN": "1" if self.refused else "0",
            "CNTG_YN": "2" if self.filled else "1",
            "ACPT_YN": self.step,
            "BRNC_NO": self.branch,
            "ODER_QTY": str(self.order_quantity),
            "ACNT_NAME": self.owner,
            "ORD_COND_PRC": str(self.stop_price),
            "ORD_EXG_GB": self.exchange_code,
            "POPUP_YN": "Y",
            "CRDT_CLS": self.credit,
            "CNTG_ISNM": self.name,
            "CNTG_ISNM40": self.name,
            "ODER_PRC": str(self.order_price),
        }
        return fv.row(self.tr_id, known, length, others)
