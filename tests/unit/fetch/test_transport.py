"""Connections that hang before any answer, credentials on the way, and hints that fit."""

from __future__ import annotations

import email.message
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from store.fetch import failures, transport, wire
from store.fetch.bounds import SIZE_VARIABLE, Bounds, Permanent, Slow, Transient
from store.fetch.credentials import NetrcEntry, basic
from store.fetch.transport import Client, Target
from tests.unit.fetch.hostile import GOOD, Server, serving

SHORT = Bounds(connect=0.4, head=0.4, slow_time=0.4)
"""For servers that hang: those that answer have the usual time."""

LATE = 10.0
"""Seconds within which the short bounds are over, on a machine that does other things, too."""

NETRC = [NetrcEntry("one", "me", "pw"), NetrcEntry("two", "us", "wp")]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nonexistent")
    with serving() as running:
        yield running


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def seconds_until(kind: type[Exception], act: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(kind):
        act()
    return time.monotonic() - began


def test_a_tls_handshake_that_hangs_is_left(server: Server, deaf: int) -> None:
    target = Target(f"https://127.0.0.1:{deaf}/x")
    assert seconds_until(Slow, lambda: Client(bounds=SHORT).open(target)) < LATE


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_hangs_is_left(server: Server, deaf: int, scheme: str) -> None:
    target = Target(f"{scheme}://host.invalid/x", f"http://127.0.0.1:{deaf}")
    assert seconds_until(Slow, lambda: Client(bounds=SHORT).open(target)) < LATE


@pytest.mark.parametrize("name", ["endless-line", "endless-headers", "many-headers", "endless-100"])
def test_a_proxys_own_head_is_bounded(server: Server, name: str) -> None:
    def speak(listening: socket.socket) -> None:
        from tests.unit.fetch.hostile import QUICK

        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            try:
                QUICK[name](connection, b"", 0)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=speak, args=(listening,), daemon=True).start()
        target = Target("https://host.invalid/x", f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert seconds_until(Transient, lambda: Client(bounds=SHORT).open(target)) < LATE


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "http://127.0.0.1:port", "http://[", "http://a:b@:1", "x"]
)
def test_a_proxy_that_is_none_is_a_reason_without_its_password(server: Server, proxy: str) -> None:
    with pytest.raises((Permanent, Transient)) as caught:
        Client().open(Target("http://host.invalid/x", proxy))
    assert "a:b" not in str(caught.value)
    assert "proxy" in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_was_sent_to_a_proxy_is_not_shown_when_it_comes_back(
    server: Server, scheme: str
) -> None:
    secret = "s\\cret/of-mine"
    encoded = basic("me", secret).removeprefix("Basic ")
    answer = f"HTTP/1.1 403 {secret} {encoded} {'x' * 106} {secret}\r\n\r\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_answer_once, args=(listening, answer), daemon=True).start()
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        target = Target(f"{scheme}://host.invalid/x", f"http://me:{secret}@{place}")
        with pytest.raises((Permanent, Transient)) as caught:
            Client().open(target)
    told = str(caught.value)
    assert "403 *** ***" in told
    assert "s\\" not in told and encoded[:6] not in told, "not cut in its middle either"


def test_a_probe_asks_for_the_head_alone(server: Server, tmp_path: Path) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n"
    assert Client().probe(Target(server.url("answer"))) == 123
    assert server.heads[-1].startswith(b"HEAD ")
    with pytest.raises(Permanent, match="404"):
        Client().probe(Target(server.url("missing")))
    (tmp_path / "file").write_bytes(b"four")
    assert Client().probe(Target(f"file://{tmp_path}/file")) == 4


def _answer_once(listening: socket.socket, answer: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


def test_what_a_netrc_file_says_is_not_shown_when_it_comes_back(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login me password hunter2hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    encoded = basic("me", "hunter2hunter2")
    server.answer = f"HTTP/1.1 404 {encoded} hunter2hunter2\r\n\r\n".encode()
    with pytest.raises(Permanent) as caught:
        Client().open(Target(server.url("answer")))
    assert str(caught.value) == "404 Basic *** ***"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("to-https-here", "redirected to https://127.0.0.1:1/x: Connection refused"),
        ("to-a-bad-port", "redirected to something that is no URL"),
        ("to-itself", "redirected more than 10 times"),
        ("to-a-file", "redirected to file:, which is not followed"),
        ("then-missing", "redirected to {}missing?token=***: 404 No"),
    ],
)
def test_a_redirect_names_the_place_that_failed(server: Server, name: str, reason: str) -> None:
    server.answer = b"HTTP/1.1 302 Go\r\nLocation: /missing?token=secret\r\n\r\n"
    with pytest.raises((Permanent, Transient)) as caught:
        Client().open(Target(server.url(name if name[:2] == "to" else "answer")))
    assert str(caught.value) == reason.format(server.url(""))


def test_a_proxy_that_cannot_be_had_is_named(server: Server) -> None:
    with pytest.raises(Transient, match=r"^by the proxy 127\.0\.0\.1:1: Connection refused$"):
        Client().open(Target("http://host.invalid/x", "http://127.0.0.1:1"))


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_interim_answers_are_passed_over(server: Server, status: int) -> None:
    interim = f"HTTP/1.1 {status} Wait\r\nLink: </x>\r\n\r\n".encode()
    server.answer = 2 * interim + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
    with Client().open(Target(server.url("answer"))) as body:
        assert body.read(9) == b"good"


def test_what_is_no_tls_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        answer = b"HTTP/1.1 400 No\r\n\r\n"
        threading.Thread(target=_answer_once, args=(listening, answer), daemon=True).start()
        with pytest.raises(Transient, match=r"^it does not speak TLS$"):
            Client().open(Target(f"https://127.0.0.1:{listening.getsockname()[1]}/x"))


@pytest.mark.parametrize(
    ("code", "hint"), [(10, "clock"), (9, "clock"), (62, "name the host"), (18, "SSL_CERT_FILE")]
)
def test_the_hint_fits_the_certificates_fault(code: int, hint: str) -> None:
    error = ssl.SSLCertVerificationError("bad")
    error.verify_code, error.verify_message = code, "bad"
    assert hint in (failures.of(error).hint or "")


def test_a_name_that_hangs_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    began = time.monotonic()
    with pytest.raises(Slow, match="name was not looked up"):
        Client(bounds=SHORT).open(Target("http://host.invalid/x"))
    assert time.monotonic() - began < 4.5


def test_many_silent_addresses_share_one_bound(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(self: socket.socket, _address: object) -> None:
        time.sleep(min(self.gettimeout() or 9, 9))
        raise TimeoutError

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 1))] * 50
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket.socket, "connect", slow)
    target = Target("http://host.invalid/x")
    assert seconds_until(Slow, lambda: Client(bounds=SHORT).open(target)) < LATE


def test_a_server_elsewhere_may_not_lead_to_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "is_inside", lambda _peer: False)
    with pytest.raises(Permanent, match="this machine itself"):
        Client().open(Target(server.url("to-and")))


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),
        ("::", True),
        ("169.254.169.254", True),
        ("fe80::1%eth0", True),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
        ("no address", False),
    ],
)
def test_this_machines_addresses_are_known(address: str, inside: bool) -> None:
    assert wire.is_inside(address) == inside


@pytest.mark.parametrize(
    ("first", "location", "authorization"),
    [
        ("https://u:p@one/x", "/y", basic("u", "p")),
        ("https://u:p@one/x", "https://one:443/y", basic("u", "p")),
        ("https://u:p@other/x", "https://else/y", None),
        ("https://u:p@other/x", "https://other:444/y", None),
        ("https://u:p@other/x", "http://other/y", None),
        ("http://u:p@other/x", "https://other/y", None),
        ("http://u:p@other/x", "http://other.evil/y", None),
        ("https://one/x", "https://two/y", basic("us", "wp")),
        ("https://one/x", "http://two/y", None),
        ("http://one/x", "http://two/y", basic("us", "wp")),
        ("https://one/x", "https://other/y", None),
    ],
)
def test_credentials_are_for_one_server_and_not_in_the_clear(
    first: str, location: str, authorization: str | None
) -> None:
    hop = transport._Hop.first(first, NETRC)
    assert hop.next(location, NETRC).authorization == authorization


def test_https_once_used_is_remembered_over_several_redirects() -> None:
    hop = transport._Hop.first("https://one/x", NETRC)
    for location in ("http://other/", "http://two/"):
        hop = hop.next(location, NETRC)
    assert hop.authorization is None


def test_a_netrc_file_serves_a_plain_locator(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("odd\nmachine 127.0.0.1 login me password pw\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Client().open(Target(server.url("good"))) as body:
        assert body.read(5) == GOOD[:5]
        assert body.private
    assert f"Authorization: {basic('me', 'pw')}".encode() in server.heads[0]


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("status-401", "netrc"),
        ("status-403", "netrc"),
        ("status-404", "another locator"),
        ("status-407", "the proxy wants"),
        ("status-429", "fewer requests"),
        ("status-500", "server's"),
        ("status-503", "server's"),
    ],
)
def test_the_hint_fits_the_status(server: Server, url: str, hint: str) -> None:
    with pytest.raises((Permanent, Transient)) as caught:
        Client().open(Target(server.url(url)))
    given = failures.of(caught.value).hint or ""
    assert hint in given
    assert ("proxy" in given) == ("407" in url)


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Permanent, "resolv.conf"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), Transient, "resolv.conf"),
        (ConnectionRefusedError(111, "Connection refused"), Transient, "http_proxy"),
        (OSError(113, "No route to host"), Transient, "http_proxy"),
        (ConnectionResetError(104, "reset"), Transient, None),
        (ssl.SSLError(1, "wrong version number"), Transient, None),
        (OSError("Tunnel connection failed: 407 Want"), Transient, "USER:PASSWORD"),
        (OSError("Tunnel connection failed: 403 No"), Transient, None),
        (UnicodeError("label too long"), Permanent, None),
        (RecursionError("deep"), Permanent, None),
        (MemoryError(), Permanent, None),
        (KeyError("x"), Permanent, None),
    ],
)
def test_each_error_is_of_a_kind_and_its_hint_fits(
    error: Exception, kind: type[Permanent | Transient], hint: str | None
) -> None:
    failure = failures.of(error)
    assert isinstance(failure, kind)
    assert failure.hint is None if hint is None else hint in (failure.hint or "")


def test_a_certificate_that_is_not_trusted_has_its_own_hint(server: Server) -> None:
    error = ssl.SSLCertVerificationError("bad")
    error.verify_message = "self-signed certificate"
    failure = failures.of(error)
    assert isinstance(failure, Permanent)
    assert "self-signed" in str(failure) and "SSL_CERT_FILE" in (failure.hint or "")
    assert "proxy" not in (failure.hint or "")


@pytest.mark.parametrize(("after", "seconds"), [("5", 5.0), ("x", 0.0), ("9" * 5000, 0.0)])
def test_a_wait_that_is_asked_for_is_a_number_or_none(after: str, seconds: float) -> None:
    headers = email.message.Message()
    headers["Retry-After"] = after
    failure = failures.of_status(503, "Busy", headers)
    assert isinstance(failure, Transient) and failure.after == seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:57 GMT", 20.0),
        ("Sunday, 06-Nov-94 08:49:57 GMT", 20.0),
        ("Sun Nov  6 08:49:57 1994", 20.0),
        ("Sun, 06 Nov 1994 08:49:30 GMT", 0.0),
        ("Sun, 06 Nov 19940000000000 08:49:57 GMT", 0.0),
        ("-5", 0.0),
        ("1e9", 0.0),
        ("nan", 0.0),
        ("", 0.0),
    ],
)
def test_a_wait_that_is_asked_for_may_be_a_date(
    monkeypatch: pytest.MonkeyPatch, date: str, seconds: float
) -> None:
    monkeypatch.setattr(time, "time", lambda: 784111777.0)
    headers = email.message.Message()
    headers["Retry-After"] = date
    failure = failures.of_status(429, "Busy", headers)
    assert isinstance(failure, Transient) and failure.after == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 16 << 30), ("1000", 1000), ("20G", 20 << 30), ("5 MiB", 5 << 20), ("many", 16 << 30)],
)
def test_the_largest_source_can_be_set(
    monkeypatch: pytest.MonkeyPatch, text: str, size: int
) -> None:
    monkeypatch.setenv(SIZE_VARIABLE, text)
    assert Bounds().size == size


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_local_file_that_may_not_be_read_has_a_hint(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "x").chmod(0)
    with pytest.raises(Permanent) as caught:
        Client().open(Target((tmp_path / "x").as_uri()))
    assert "may not read" in (caught.value.hint or "")


def test_a_bad_bundle_of_certificates_is_no_fault_of_plain_http(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "bundle").write_text("no certificate")
    client = Client(ca_files=[str(tmp_path / "bundle")])
    with client.open(Target(server.url("good"))) as body:
        assert body.read(5) == GOOD[:5]
    with pytest.raises(Permanent, match=r"no certificates can be read in .*bundle") as caught:
        client.open(Target(server.url("good").replace("http:", "https:")))
    assert "pip" in (caught.value.hint or "")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
    )
    path = tmp_path / "certificate.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(pem))
    return path


def test_tls_is_spoken_and_its_certificates_are_checked(server: Server, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    target = Target(server.url("good").replace("http:", "https:"))
    bounds = Bounds(connect=5, head=5)
    with Client(bounds=bounds, ca_files=[str(certificate)]).open(target, 1000) as body:
        assert (body.offset, body.read(5)) == (1000, GOOD[1000:1005])
    with pytest.raises(Permanent, match="certificate is not trusted") as caught:
        Client(bounds=bounds).open(target)
    assert "SSL_CERT_FILE" in (caught.value.hint or "")
    with pytest.raises(Permanent, match="not trusted"):
        named = Target(target.url.replace("127.0.0.1", "localhost"))
        Client(bounds=bounds, ca_files=[str(certificate)]).open(named)
