"""One request over HTTP and HTTPS: whether a byte left is watched, not guessed."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from brokers.kis.outcome import AnswerLost, HttpReply, Mishap, NotSent
from brokers.kis.private_files import write_private
from brokers.kis.transport import HttpTransport
from tests.scripted_kis import Reply, ScriptedKis, SharedClock, good, make_kis_config, scripted_kis

PATH = "/uapi/test"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that nobody trusts, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "loopback.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure_host(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedKis]:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # they would win over what the session trusts
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with scripted_kis(SharedClock(), context) as host:
        yield host


def trusting(certificate: Path, read_seconds: float = 5.0) -> HttpTransport:
    session = requests.Session()
    session.verify = str(certificate)
    return HttpTransport(session, read_seconds=read_seconds)


def test_an_answer_over_https_arrives_with_its_status_and_headers(secure_host: ScriptedKis, certificate: Path) -> None:
    secure_host.on(PATH, Reply(body={"a": "가"}, status=500, headers={"TR_CONT": "M"}))
    transport = trusting(certificate)
    reply = transport.send("POST", secure_host.url + PATH, headers={}, body={"PDNO": "005930"})
    assert isinstance(reply, HttpReply)
    assert (reply.status, reply.headers["tr_cont"], reply.body.decode()) == (500, "M", '{"a": "가"}')
    assert secure_host.asked(PATH)[0].values == {"PDNO": "005930"}
    transport.close()


def test_a_host_whose_certificate_is_not_trusted_is_sent_nothing(secure_host: ScriptedKis) -> None:
    transport = HttpTransport(read_seconds=5.0)
    result = transport.send("POST", secure_host.url + PATH, headers={"appkey": "k"}, body={})
    assert result == NotSent(mishap=Mishap.NO_TLS)
    assert secure_host.seen == []
    transport.close()


def test_https_to_a_host_that_speaks_http_is_sent_nothing() -> None:
    with scripted_kis(SharedClock()) as host:
        transport = HttpTransport(read_seconds=5.0)
        result = transport.send("POST", host.url.replace("http:", "https:") + PATH, headers={}, body={})
        assert isinstance(result, NotSent) and host.seen == []
        transport.close()


@pytest.mark.parametrize(
    ("reply", "mishap"),
    [(Reply(reset=True), Mishap.BROKEN), (Reply(cut=True), Mishap.BROKEN), (Reply(silent=True), Mishap.READ_TIMEOUT)],
)
def test_a_request_over_https_that_got_no_answer_is_lost(
    secure_host: ScriptedKis, certificate: Path, reply: Reply, mishap: Mishap
) -> None:
    secure_host.on(PATH, reply)
    transport = trusting(certificate, read_seconds=0.5)
    assert transport.send("POST", secure_host.url + PATH, headers={}, body={}) == AnswerLost(mishap=mishap)
    assert len(secure_host.asked(PATH)) == 1
    transport.close()


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:1/x", {}),
        ("http://host.invalid:80/x", {}),
        ("nonsense", {}),
        ("http://127.0.0.1:1/x", {"appkey": "a\r\nb: c"}),
        ("http://[::1", {}),
    ],
)
def test_what_cannot_be_sent_is_told_as_a_value_without_an_exception(url: str, headers: dict[str, str]) -> None:
    transport = HttpTransport(connect_seconds=2.0)
    assert isinstance(transport.send("POST", url, headers=headers, body={}), NotSent)
    transport.close()


def test_a_redirect_is_not_followed() -> None:
    with scripted_kis(SharedClock()) as host:
        host.on(PATH, Reply(status=307, headers={"Location": host.url + "/other"}))
        transport = HttpTransport()
        reply = transport.send("POST", host.url + PATH, headers={"appkey": "k"}, body={})
        assert isinstance(reply, HttpReply) and reply.status == 307
        assert not host.asked("/other")
        transport.close()


_CLIENT = """
import sys
from pathlib import Path
from brokers.kis.config import load_kis_config
from brokers.kis.rest import KisRest
from engine.clock import SystemClock

options = {"token_folder": sys.argv[2], "calls_per_second": 1000}
config = load_kis_config("paper", variables={}, path=Path(sys.argv[1]), options=options)
rest = KisRest(config, SystemClock())
for _ in range(5):
    rest.call("inquire_price", {"FID_INPUT_ISCD": "005930"})
rest.close()
"""


def test_processes_that_start_together_share_one_token(tmp_path: Path) -> None:
    """Four processes, one app key: KIS is asked for one token, and every call carries it."""
    price = "/uapi/domestic-stock/v1/quotations/inquire-price"
    with scripted_kis(SharedClock(datetime(2090, 1, 1, tzinfo=UTC))) as host:
        host.on(price, good(output={}))
        make_kis_config(tmp_path, host.url)  # writes the file that the processes read
        command = [sys.executable, "-c", _CLIENT, str(tmp_path / "kis_devlp.yaml"), str(tmp_path / "shared")]
        root = Path(__file__).parents[3]
        running = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE) for _ in range(4)]
        told = [process.communicate()[1].decode() for process in running]
        assert [process.returncode for process in running] == [0] * 4, told
        assert len(host.issued) == 1
        carried = [seen.headers["authorization"] for seen in host.asked(price)]
        assert carried == [f"Bearer {host.issued[0]}"] * 20


def test_a_private_file_is_replaced_in_one_step_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file.json"
    for text in ("first", "second"):
        write_private(path, text)
        assert path.read_text() == text
    assert [other.name for other in path.parent.iterdir()] == ["file.json"]
    assert path.stat().st_mode & 0o777 == 0o600
