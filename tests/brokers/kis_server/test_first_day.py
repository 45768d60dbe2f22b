"""A day with the server: token, price, balance, order, fill, seen over REST and over the stream."""

from __future__ import annotations

import pytest

from tests.builders_panel import make_config, make_panel
from tests.kis_client import Client, make_server

BARS = [(10_000, 10_200, 9_900, 10_100), (10_150, 10_500, 10_000, 10_400), (10_300, 10_600, 10_250, 10_500)]


@pytest.mark.parametrize("environment", ["live", "paper"])
def test_an_order_fills_on_the_path_and_is_seen_everywhere(environment: str) -> None:
    panel = make_panel({"005930": BARS, "000660": BARS})
    with make_server(panel, make_config()) as server, Client(server, environment) as client, client.stream() as stream:
        notices = "H0STCNI0" if environment == "live" else "H0STCNI9"
        assert stream.subscribe("H0STCNT0", "005930")["body"]["msg_cd"] == "OPSP0000"
        assert stream.subscribe(notices, client.hts_id)["header"]["encrypt"] == "Y"
        assert client.world("clock")["time"] == "2024-03-04T18:00:00+09:00"
        assert client.price("005930")["output"]["stck_prpr"] == "10100"
        client.advance(until="open")
        assert stream.record()[1][2] == "10150"
        bought = client.order("buy", "005930", 10)
        assert bought["rt_cd"] == "0", bought
        number = bought["output"]["ODNO"]
        assert number == ("0000000001" if environment == "live" else "1")
        accepted = stream.record()[1]
        assert (accepted[2], accepted[13], accepted[14]) == (number, "1", "1")
        client.advance(until="step")
        heard = [stream.record(), stream.record()]
        fill = next(fields for tr_id, fields in heard if tr_id == notices)
        assert (fill[8], fill[9], fill[10], fill[13]) == ("005930", "10", "10000", "2")
        rows = client.executions("20240305")["output1"]
        assert [(row["odno"], row["tot_ccld_qty"], row["tot_ccld_amt"]) for row in rows] == [(number, "10", "100000")]
        balance = client.balance()
        assert balance["output1"][0]["hldg_qty"] == "10"
        assert balance["output2"][0]["dnca_tot_amt"] == "10000000"
        assert balance["output2"][0]["prvs_rcdl_excc_amt"] == "9900000"
        client.advance(until="close")
        assert client.price("005930")["output"]["stck_prpr"] == "10400"
