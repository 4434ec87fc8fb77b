"""Keys in files: nobody else's to read, never written over, never within a store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import FormatError, NotOwner, StorageError, UnusableKey, UsageError
from store.signing.keyring import Keyring, default_folder, load_private, read_public
from store.signing.keys import PrivateKey, PublicKey
from tests.integration.laboratory import NOBODY, act_as


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring(str(tmp_path / "config"))


def test_a_new_key_is_its_owners_alone(ring: Keyring) -> None:
    old = os.umask(0)
    try:
        public = ring.create("anne")
    finally:
        os.umask(old)
    assert Path(ring.keys).stat().st_mode & 0o777 == 0o700
    assert Path(ring.keys, "anne.key").stat().st_mode & 0o777 == 0o600
    assert ring.private("anne").public == public
    assert read_public(f"{ring.keys}/anne.pub") == [public]
    assert sorted(os.listdir(ring.keys)) == ["anne.key", "anne.pub"]


def test_no_key_is_ever_written_over(ring: Keyring) -> None:
    ring.create("anne")
    before = Path(ring.keys, "anne.key").read_bytes()
    with pytest.raises(UsageError, match="already"):
        ring.create("anne")
    assert Path(ring.keys, "anne.key").read_bytes() == before
    assert sorted(os.listdir(ring.keys)) == ["anne.key", "anne.pub"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(ring: Keyring, mode: int) -> None:
    ring.create("anne")
    Path(ring.keys, "anne.key").chmod(mode)
    with pytest.raises(UnusableKey, match="open to others") as caught:
        ring.private("anne")
    assert "chmod 600" in (caught.value.hint or "")


@pytest.mark.root(reason="only root can be another user")
def test_another_users_key_and_one_that_cannot_be_read_are_refused(ring: Keyring) -> None:
    ring.create("anne")
    path = Path(ring.keys, "anne.key")
    os.chown(path, NOBODY, NOBODY)
    with pytest.raises(UnusableKey, match="another user"):
        ring.private("anne")
    os.chown(path, 0, 0)
    with pytest.raises(UnusableKey, match="cannot read"):
        act_as(NOBODY, lambda: load_private(str(path)))


def test_a_file_that_holds_something_else_is_refused_without_quoting_it(ring: Keyring) -> None:
    ring.create("anne")
    path = Path(ring.keys, "anne.key")
    for content in (b"", b"secret stuff", b"private anne:short", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UnusableKey) as caught:
            ring.private("anne")
        assert "secret" not in str(caught.value)
    path.write_text(PrivateKey.generate("bert").text())
    with pytest.raises(UnusableKey, match="bert"):
        ring.private("anne")


def test_a_pipe_is_no_key_and_nobody_waits_for_it(ring: Keyring) -> None:
    os.makedirs(ring.keys)
    os.mkfifo(f"{ring.keys}/anne.key", 0o600)
    with pytest.raises(UnusableKey, match="regular"):
        ring.private("anne")


def test_the_only_key_needs_no_name_and_one_of_several_does(ring: Keyring) -> None:
    with pytest.raises(UnusableKey, match="no key") as refused:
        ring.private()
    assert refused.value.hint == "make one: `store key new NAME`"
    anne = ring.create("anne")
    assert ring.private().public == anne
    ring.create("bert")
    with pytest.raises(UsageError, match="anne, bert"):
        ring.private()
    with pytest.raises(UnusableKey):
        ring.private("carl")
    for name in ("../anne", "", ".", "a/b", "a b"):
        with pytest.raises(FormatError):
            ring.private(name)


def test_trusted_keys_are_lines_and_stand_once(ring: Keyring) -> None:
    assert ring.trusted() == []
    anne, bert = (PrivateKey.generate(name).public for name in ("anne", "bert"))
    assert ring.trust([anne, anne]) == [anne]
    assert ring.trust([anne, bert]) == [bert]
    with open(ring.trusted_file, "a") as stream:
        stream.write(f"\n# a note\n  {anne}\n")
    assert ring.trusted() == [anne, bert]


def test_a_key_leaves_the_trusted_ones_however_its_line_ends(ring: Keyring) -> None:
    anne, bert = (PrivateKey.generate(name).public for name in ("anne", "bert"))
    ring.trust([anne])
    path = Path(ring.trusted_file)
    path.chmod(0o600)
    trusted = path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    trusted.write_bytes(f"# mine\r{anne}\r\n{bert}\x0b{anne}\n".encode())
    assert ring.distrust([anne]) == [anne]
    assert ring.trusted() == [bert]
    assert trusted.read_bytes() == f"# mine\r{bert}\x0b".encode()
    assert path.is_symlink()
    assert trusted.stat().st_mode & 0o777 == 0o600


def test_a_line_that_is_no_key_is_named(ring: Keyring, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{PrivateKey.generate('a').public}\nnonsense\n")
    with pytest.raises(FormatError, match="keys:2"):
        read_public(str(file))
    file.write_text(f"{PrivateKey.generate('a').text()}\n")
    with pytest.raises(FormatError, match="private key"):
        read_public(str(file))
    with pytest.raises(StorageError):
        read_public(str(tmp_path / "none"))


def test_the_configuration_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert default_folder() == "/somewhere/fixpoint"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/anne")
    assert default_folder() == "/home/anne/.config/fixpoint"


def test_two_names_of_one_key_are_one_key() -> None:
    key = PrivateKey.generate("anne").public
    assert len({key, PublicKey(key.raw, "bert")}) == 1


def test_trusted_keys_are_the_users_to_write_whatever_the_umask(ring: Keyring) -> None:
    before = os.umask(0)
    try:
        ring.trust([PrivateKey(bytes(32), "anne").public])
    finally:
        os.umask(before)
    assert Path(ring.trusted_file).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("part", ["", "trusted-keys"])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_trust_that_others_can_give_is_none(ring: Keyring, part: str, mode: int) -> None:
    ring.trust([PrivateKey.generate("anne").public])
    path = Path(ring.folder, part)
    path.chmod(path.stat().st_mode | mode)
    if mode == 0o020:
        os.chown(path, -1, 12345) if os.geteuid() == 0 else pytest.skip("only root can")
    with pytest.raises(StorageError, match="other users can write to"):
        ring.trusted()


@pytest.mark.root(reason="only root can be another user")
@pytest.mark.parametrize("part", ["", "trusted-keys"])
def test_trust_that_another_user_gave_is_none(ring: Keyring, part: str) -> None:
    ring.trust([PrivateKey.generate("anne").public])
    os.chown(Path(ring.folder, part), 12345, 12345)
    with pytest.raises(NotOwner):
        ring.trusted()


def test_a_fifo_in_the_place_of_the_trusted_keys_is_not_waited_for(ring: Keyring) -> None:
    os.mkdir(ring.folder)
    os.mkfifo(ring.trusted_file)
    with pytest.raises(StorageError, match="is not a file"):
        ring.trusted()
