"""The same graph, pushed and taken by each transport: the same paths, and stores that are sound."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.integration.cache_users import closure, own
from tests.integration.conftest import Shop
from tests.integration.transports import TRANSPORTS, is_sound


@pytest.fixture(scope="module", params=TRANSPORTS)
def url(
    request: pytest.FixtureRequest, anne: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A cache into which anne pushes all."""
    with TRANSPORTS[request.param](tmp_path_factory.mktemp("cache")) as found:
        anne.path("push", "--to", found, "above", "--with-builds")
        assert "nothing new" in anne.run("push", "--to", found, "above", "--with-builds").stderr
        yield found


def test_an_empty_store_realises_from_a_cache_alone(anne: Shop, bert: Shop, url: str) -> None:
    made = anne.path("realise", "above")
    dry = bert.path("realise", "above", "--cache", url, "--dry-run")
    assert dry.splitlines()[0].endswith("unpacked), 0 to build")
    done = bert.run("realise", "above", "--cache", url, "--cache-only")
    assert (done.returncode, done.stdout.strip()) == (0, made), done.stderr
    assert own(bert) == closure(anne, made)
    assert is_sound(bert)
    (told,) = json.loads(bert.path("info", "--json", made))["realisations"]
    assert told["origin"] == "signed"


def test_sources_and_inputs_come_by_each_transport(anne: Shop, bert: Shop, url: str) -> None:
    """The build itself is here, and all that it needs comes from the cache."""
    made = anne.path("realise", "item-0")
    done = bert.run("realise", "item-0", "--cache", url)
    assert (done.returncode, done.stdout.strip()) == (0, made), done.stderr
    assert "1 to build, 0 to fetch" in done.stderr
    assert is_sound(bert)


def test_an_object_is_imported_by_its_path(anne: Shop, bert: Shop, url: str) -> None:
    made = anne.path("realise", "above")
    done = bert.run("import", "--from", url, made)
    assert done.returncode == 0, done.stderr
    assert own(bert) == closure(anne, made)
    assert is_sound(bert)
    absent = f"/store/{'0' * 32}-none"
    assert bert.run("import", "--from", url, absent).returncode == 15
