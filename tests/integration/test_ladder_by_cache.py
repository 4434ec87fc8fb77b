"""The tcc ladder, pushed by one store and realised by empty ones that cannot fetch anything."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cache_users import closure, own
from tests.integration.conftest import TOP, Shop
from tests.integration.transports import TRANSPORTS, is_sound

pytestmark = pytest.mark.trial

LADDER = ("--seed", "debian", "tcc0.tcc", "tcc1.tcc", "tcc2.tcc")


def ladder_user(place: Path, root: Path) -> Shop:
    """A user with the distribution's recipes, and a key."""
    shop = Shop(root, TOP / "derivations", {"XDG_CONFIG_HOME": str(place / "config")})
    shop.path("key", "new", place.name)
    return shop


@pytest.fixture(scope="module")
def anne(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A builder that has built the ladder."""
    made = ladder_user(tmp_path_factory.mktemp("builder") / "anne", shop.root)
    done = made.run("realise", *LADDER, timeout=1800)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module", params=TRANSPORTS)
def url(
    request: pytest.FixtureRequest, anne: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A cache into which the ladder is pushed, with all that it was built from."""
    place = tmp_path_factory.mktemp("cache")
    with TRANSPORTS[request.param](place) as found:
        done = anne.run("push", "--to", found, *LADDER, "--with-builds", timeout=1800)
        assert done.returncode == 0, done.stderr
        yield found
    shutil.rmtree(place)


@pytest.fixture
def bert(anne: Shop) -> Iterator[Shop]:
    """An empty store that trusts anne, and has no network: nothing answers its proxy."""
    with tempfile.TemporaryDirectory() as place:
        made = ladder_user(Path(place) / "bert", Path(place) / "root")
        made.path("key", "trust", anne.path("key", "show"))
        dead = "http://127.0.0.1:1"
        made.env |= {"http_proxy": dead, "https_proxy": dead, "no_proxy": "127.0.0.1"}
        yield made


def test_the_ladder_comes_whole_and_alone(anne: Shop, bert: Shop, url: str) -> None:
    expected = anne.path("realise", *LADDER).split()
    done = bert.run("realise", *LADDER, "--cache", url, "--cache-only", timeout=1800)
    assert (done.returncode, done.stdout.split()) == (0, expected), done.stderr
    assert own(bert) == set().union(*(closure(anne, each) for each in expected))
    assert is_sound(bert)


def test_without_trust_it_is_built_of_sources_that_came(anne: Shop, bert: Shop, url: str) -> None:
    """Sources need no signature; all of the ladder is built here."""
    expected = anne.path("realise", "--seed", "debian", "tcc2.tcc")
    words = ("realise", "--seed", "debian", "tcc2.tcc", "--cache", url)
    bert.path("key", "distrust", anne.path("key", "show"))
    done = bert.run(*words, timeout=1800)
    assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr
    assert is_sound(bert)
