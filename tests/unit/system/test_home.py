"""The user's own folders, whatever the environment says or leaves out."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from store.errors import StorageError
from store.layout.paths import default_recipes, default_root
from store.signing.keyring import default_folder
from store.system import home

VARIABLES = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "STORE_ROOT", "STORE_RECIPES")


@pytest.fixture(autouse=True)
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the password database knows as living in /home/ann, with no variables."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    entry = pwd.struct_passwd(("ann", "x", 1234, 1234, "", "/home/ann", "/bin/sh"))
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    monkeypatch.setattr(pwd, "getpwnam", {"ann": entry}.__getitem__)


@pytest.fixture
def unknown_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the database does not know."""
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)


@pytest.mark.parametrize("value", [None, "", "relative", "~", "./x"])
def test_without_a_proper_home_the_password_database_serves(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("HOME", value)
        monkeypatch.setenv("XDG_DATA_HOME", value)
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
    assert home.home_folder() == "/home/ann"
    assert default_root() == "/home/ann/.local/share/fixpoint"
    assert default_folder() == "/home/ann/.config/fixpoint"


@pytest.mark.usefixtures("unknown_user")
def test_a_user_without_any_home_gets_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (default_root, default_folder, home.home_folder):
        with pytest.raises(StorageError, match="no home folder"):
            place()
    assert home.find_home() is None
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("unknown_user")
def test_absolute_variables_need_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/config")
    assert default_root() == "/data/fixpoint"
    assert default_folder() == "/config/fixpoint"


def test_a_tilde_that_no_shell_has_expanded_is_a_home_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.setenv("STORE_ROOT", "~/store")
    monkeypatch.setenv("STORE_RECIPES", "~ann/recipes")
    assert default_root() == "/h/store"
    assert default_recipes() == "/home/ann/recipes"
    assert [home.expand_home(path) for path in ("~", "./~", "a/~", "/~", "")] == [
        "/h",
        "./~",
        "a/~",
        "/~",
        "",
    ]


def test_the_home_of_a_user_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(StorageError, match="does not exist"):
        home.expand_home("~nobody-of-this-name/x")


def test_the_hint_fits_what_a_home_is_wanted_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(home, "_recorded", lambda name: "")
    for want, word in (
        (home.cache_folder, "XDG_CACHE_HOME"),
        (home.config_folder, "XDG_CONFIG_HOME"),
        (home.data_folder, "--root"),
        (lambda: home.expand_home("~/x"), "whole path"),
    ):
        with pytest.raises(StorageError) as caught:
            want()
        assert word in str(caught.value.hint)
