"""A pin is moved to what an index lists, and the recipes stay whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from scripts.pinning import bumping, calls
from scripts.pinning.bumping import Move
from scripts.pinning.calls import Pin
from scripts.pinning.checking import Candidate
from store.errors import EvaluationError, StoreError
from store.fetch import mirrors
from store.model.catalogue import Catalogue, Package
from tests.unit.pinning.test_checking import FILES, ONE, RELEASES, THREE, TWO, pin

NGINX = pin(f'debian("n/nginx/nginx_1.22.orig.tar.gz", "{ONE}", version="1.22")')
FLIT = pin(f'pypi("flit_core-3.9.tar.gz", "{ONE}")')


def test_a_pin_moves_to_stables_version_unless_another_is_named() -> None:
    assert bumping.debian_target(NGINX, RELEASES, None).sha256 == TWO
    assert bumping.debian_target(NGINX, RELEASES, "1.30").sha256 == THREE
    assert bumping.debian_target(NGINX, RELEASES, "1.30-1").version == "1.30"
    assert bumping.python_target(FLIT, FILES, None).version == "3.10"
    assert bumping.python_target(FLIT, FILES, "3.9").sha256 == ONE


def test_no_pin_moves_backwards_unless_it_is_asked_for() -> None:
    ahead = pin(f'debian("n/nginx/nginx_1.30.orig.tar.gz", "{THREE}")')
    with pytest.raises(StoreError, match=r"nginx is pinned at 1\.30, which is newer than 1\.26"):
        bumping.debian_target(ahead, RELEASES, None)
    assert bumping.debian_target(ahead, RELEASES, "1.26").sha256 == TWO
    flit = pin(f'pypi("flit_core-4.tar.gz", "{ONE}")')
    with pytest.raises(StoreError, match="is pinned at 4, which is newer than") as caught:
        bumping.python_target(flit, FILES, None)
    assert "--to 3.10" in (caught.value.hint or "")


def test_a_version_that_nothing_lists_is_an_error_with_those_there_are() -> None:
    with pytest.raises(StoreError, match=r"no index lists nginx 9") as caught:
        bumping.debian_target(NGINX, RELEASES, "9")
    assert caught.value.hint == "there are 1.30, 1.26, 1.22"
    with pytest.raises(StoreError, match="no index of trixie lists nginx"):
        bumping.debian_target(NGINX, RELEASES[:1], None)
    binary = pin(f'debian("n/nginx/nginx_1_amd64.deb", "{ONE}")')
    with pytest.raises(StoreError, match="binary package"):
        bumping.debian_target(binary, RELEASES, None)


def test_a_move_changes_the_version_where_the_call_has_one() -> None:
    move = Move(NGINX, bumping.debian_target(NGINX, RELEASES, None))
    assert [value for _, value in move.changes] == ["n/nginx/nginx_1.26.orig.tar.gz", TWO, "1.26"]
    assert move.locator == "debian:pool/main/n/nginx/nginx_1.26.orig.tar.gz"
    move = Move(FLIT, bumping.python_target(FLIT, FILES, None))
    assert [value for _, value in move.changes] == ["flit_core-3.10.tar.gz", THREE]
    assert move.locator == "pypi:flit_core-3.10.tar.gz"


def test_patches_for_the_version_before_are_named() -> None:
    old, new = (
        pin(f'debian_patches("n/nginx/nginx_{version}-1.debian.tar.xz", "{ONE}", "a.patch")')
        for version in ("1.22", "1.26")
    )
    move = Move(NGINX, bumping.debian_target(NGINX, RELEASES, None))
    assert bumping.left_behind([move], [NGINX, old, new, FLIT]) == [old]
    assert not bumping.left_behind([], [old])


@pytest.fixture
def move(tmp_path: Path) -> Move:
    text = f'from derivations.kit import debian\nA = debian("z/z/z_1.orig.tar.gz", "{ONE}")  # a\n'
    (tmp_path / "z.py").write_text(text)
    [found] = calls.read(tmp_path / "z.py", text.encode())
    assert isinstance(found, Pin)
    address = "z/z/z_2.orig.tar.gz"
    return Move(found, Candidate(address=address, sha256=TWO, version="2", listed="2-1"))


def catalogue(**nodes: bytes) -> Catalogue:
    return Catalogue({name: Package(name, node) for name, node in nodes.items()}, {})


def test_a_bump_rewrites_the_recipe_and_names_what_would_be_rebuilt(move: Move) -> None:
    answers = iter([catalogue(a=b"1", b=b"2"), catalogue(a=b"1", b=b"3", c=b"4")])
    assert bumping.apply([move], lambda: next(answers)) == ["b", "c"]
    [fresh] = calls.read(move.pin.path, move.pin.path.read_bytes())
    assert isinstance(fresh, Pin) and fresh.sha256.value == TWO and fresh.archive.version == "2"
    assert move.pin.path.read_text().endswith(")  # a\n")


def test_recipes_that_do_not_evaluate_then_are_as_they_were(move: Move) -> None:
    old = move.pin.path.read_bytes()
    answers = iter([catalogue()])

    def evaluate() -> Catalogue:
        for answer in answers:
            return answer
        raise EvaluationError("refused")

    with pytest.raises(EvaluationError) as caught:
        bumping.apply([move], evaluate)
    assert caught.value.hint == "the recipes are as they were"
    assert move.pin.path.read_bytes() == old
    assert [path.name for path in move.pin.path.parent.iterdir()] == ["z.py"]


def test_a_recipe_that_changed_since_it_was_read_is_left_alone(move: Move) -> None:
    changed = "# Another line.\n" + move.pin.path.read_text()
    move.pin.path.write_text(changed)
    with pytest.raises(StoreError, match=r"z\.py was changed in the meantime"):
        bumping.apply([move], catalogue)
    assert move.pin.path.read_text() == changed


def test_a_recipe_behind_a_link_is_rewritten_there(move: Move, tmp_path: Path) -> None:
    real = tmp_path / "real"
    move.pin.path.rename(real)
    move.pin.path.symlink_to("real")
    bumping.apply([move], catalogue)
    assert move.pin.path.is_symlink()
    assert "z_2.orig" in real.read_text()


def test_a_file_is_fetched_and_checked_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = tmp_path / "pool/main/n/nginx"
    pool.mkdir(parents=True)
    (pool / "nginx_1.26.orig.tar.gz").write_bytes(b"it")
    monkeypatch.setenv("STORE_DEBIAN_MIRROR", f"file://{tmp_path}")
    monkeypatch.setattr(mirrors, "apt_config_dump", lambda: "")
    address = "n/nginx/nginx_1.26.orig.tar.gz"
    sha256 = hashlib.sha256(b"it").hexdigest()
    good = Candidate(address=address, sha256=sha256, version="1.26", listed="1.26-1")
    bumping.prove([Move(NGINX, good)])
    bad = Candidate(address=address, sha256=TWO, version="1.26", listed="1.26-1")
    with pytest.raises(StoreError, match="does not have the hash"):
        bumping.prove([Move(NGINX, bad)])
