"""Certificates and tokens: one folder a host, and no token where others could read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import UnusableKey
from store.reapi.endpoint import parse, server_files
from store.system import host_files
from store.system.host_files import VARIABLE, HostFiles


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    folder = tmp_path / "farm.example"
    folder.mkdir()
    return folder


PEM = b"-----BEGIN CERTIFICATE-----\n"
KEY = b"-----BEGIN PRIVATE KEY-----\n"


def write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    path.write_bytes(content)
    path.chmod(0o600)


def test_no_file_has_to_be_there() -> None:
    assert server_files(parse("grpc://elsewhere.example:1")) == HostFiles()


def test_files_are_those_of_the_host_alone(files: Path) -> None:
    (files / "ca.pem").write_bytes(PEM + b"authorities")
    (files / "client.pem").write_bytes(PEM)
    write(files / "client.key", KEY)
    write(files / "token", b"hush\n")
    found = server_files(parse("grpcs://farm.example:1"))
    assert found == HostFiles(PEM + b"authorities", PEM, KEY, "hush")
    assert "hush" not in repr(found) and "PRIVATE" not in repr(found)
    assert server_files(parse("grpcs://other.example:1")) == HostFiles()


def test_a_token_is_not_sent_for_others_to_read(files: Path) -> None:
    write(files / "token", b"hush\n")
    with pytest.raises(UnusableKey) as caught:
        server_files(parse("grpc://farm.example:1"))
    assert "hush" not in caught.value.message
    (files.parent / "localhost").mkdir()
    write(files.parent / "localhost" / "token", b"hush\n")
    assert server_files(parse("grpc+unix:/run/socket")).token == "hush"


@pytest.mark.parametrize("token", [b"", b"two words", b"\xff", b"a\x1bb"])
def test_a_token_is_one_visible_word(files: Path, token: bytes) -> None:
    write(files / "token", token)
    with pytest.raises(UnusableKey, match="visible ASCII"):
        server_files(parse("grpcs://farm.example:1"))


def test_a_token_that_servers_would_refuse_is_named(files: Path) -> None:
    longest = b"x" * host_files.LONGEST_TOKEN
    write(files / "token", b"\n" + longest + b"\n")
    assert server_files(parse("grpcs://farm.example:1")).token == longest.decode()
    write(files / "token", longest + b"x")
    with pytest.raises(UnusableKey, match="is longer than 7168 bytes") as caught:
        server_files(parse("grpcs://farm.example:1"))
    assert "xxx" not in str(caught.value.hint)


def test_a_certificate_needs_its_key_and_a_file_has_to_be_readable(files: Path) -> None:
    (files / "client.pem").write_bytes(PEM)
    with pytest.raises(UnusableKey, match=r"client\.key"):
        server_files(parse("grpcs://farm.example:1"))
    (files / "client.key").mkdir()
    with pytest.raises(UnusableKey, match="Is a directory"):
        server_files(parse("grpcs://farm.example:1"))


@pytest.mark.parametrize("name", ["token", "client.key"])
@pytest.mark.parametrize("mode", [0o644, 0o602, 0o601])
def test_a_secret_that_every_user_could_read_is_refused(files: Path, name: str, mode: int) -> None:
    (files / "client.pem").write_bytes(PEM)
    write(files / "client.key", KEY)
    write(files / "token", b"hush\n")
    assert server_files(parse("grpcs://farm.example:1")).token == "hush"
    (files / name).chmod(mode)
    with pytest.raises(
        UnusableKey, match=rf"{name}' is open to every user \(mode 0{mode:o}\)"
    ) as it:
        server_files(parse("grpcs://farm.example:1"))
    assert it.value.hint is not None
    assert f"chmod 600 {files / name}" in it.value.hint
    (files / name).chmod(0o640)  # a group is somebody's choice
    assert server_files(parse("grpcs://farm.example:1")).token == "hush"


@pytest.mark.parametrize("name", ["ca.pem", "client.pem", "client.key"])
def test_a_file_that_is_not_pem_is_named(files: Path, name: str) -> None:
    (files / "client.pem").write_bytes(PEM)
    write(files / "client.key", KEY)
    write(files / name, b"junk\n")
    with pytest.raises(UnusableKey, match=rf"{name}' is not in the form PEM") as caught:
        server_files(parse("grpcs://farm.example:1"))
    assert "-----" in str(caught.value.hint)
