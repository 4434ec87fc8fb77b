"""Certificates and tokens: one folder a host, and no token where others could read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import UnusableKey
from store.reapi.endpoint import parse, server_files
from store.system.host_files import VARIABLE, HostFiles


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    folder = tmp_path / "farm.example"
    folder.mkdir()
    return folder


def test_no_file_has_to_be_there() -> None:
    assert server_files(parse("grpc://elsewhere.example:1")) == HostFiles()


def test_files_are_those_of_the_host_alone(files: Path) -> None:
    (files / "ca.pem").write_bytes(b"authorities")
    (files / "client.pem").write_bytes(b"certificate")
    (files / "client.key").write_bytes(b"key")
    (files / "token").write_bytes(b"hush\n")
    found = server_files(parse("grpcs://farm.example:1"))
    assert found == HostFiles(b"authorities", b"certificate", b"key", "hush")
    assert "hush" not in repr(found) and "key" not in repr(found)
    assert server_files(parse("grpcs://other.example:1")) == HostFiles()


def test_a_token_is_not_sent_for_others_to_read(files: Path) -> None:
    (files / "token").write_bytes(b"hush\n")
    with pytest.raises(UnusableKey) as caught:
        server_files(parse("grpc://farm.example:1"))
    assert "hush" not in caught.value.message
    (files.parent / "localhost").mkdir()
    (files.parent / "localhost" / "token").write_bytes(b"hush\n")
    assert server_files(parse("grpc+unix:/run/socket")).token == "hush"


@pytest.mark.parametrize("token", [b"", b"two words", b"\xff", b"a\x1bb"])
def test_a_token_is_one_visible_word(files: Path, token: bytes) -> None:
    (files / "token").write_bytes(token)
    with pytest.raises(UnusableKey):
        server_files(parse("grpcs://farm.example:1"))


def test_a_certificate_needs_its_key_and_a_file_has_to_be_readable(files: Path) -> None:
    (files / "client.pem").write_bytes(b"certificate")
    with pytest.raises(UnusableKey, match=r"client\.key"):
        server_files(parse("grpcs://farm.example:1"))
    (files / "client.key").mkdir()
    with pytest.raises(UnusableKey, match="Is a directory"):
        server_files(parse("grpcs://farm.example:1"))
