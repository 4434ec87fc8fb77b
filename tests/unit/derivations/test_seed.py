"""The form of seed.json, as the reader takes it and as bootstrap-seeds/README.md tells it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from derivations.kit.seed import COMPILER, USERLAND, Seed
from store.errors import EvaluationError

FOLDER = Path(__file__).resolve().parents[3] / "bootstrap-seeds"
PAGE = (FOLDER / "README.md").read_text()
SEEDS = {path.parent.name: json.loads(path.read_text()) for path in FOLDER.glob("*/seed.json")}
PLACES = {"path", "wheel"}


def table(title: str) -> dict[str, str]:
    """The fields of a table on the page, with the word on whether each is needed."""
    text = PAGE.split(f"| {title} |")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE))


SEED, PACKAGE = table("field of a seed"), table("field of a package")


@pytest.fixture(params=SEEDS)
def value(request: pytest.FixtureRequest) -> Any:
    """A committed seed, to be altered."""
    return copy.deepcopy(SEEDS[request.param])


def read(value: Any) -> Seed:
    return Seed.from_json(value.get("name", "debian"), value)


def test_every_field_of_the_seeds_is_on_the_page(value: Any) -> None:
    assert set(value) <= set(SEED)
    assert {field for package in value["packages"] for field in package} <= set(PACKAGE)
    assert read(value).sources(USERLAND, COMPILER)


@pytest.mark.parametrize("field", SEED)
def test_a_seed_lacks_only_what_the_page_allows(value: Any, field: str) -> None:
    assert SEED[field] in ("yes", "no")
    del value[field]
    if SEED[field] == "no":
        read(value)
    else:
        with pytest.raises(EvaluationError):
            read(value)


@pytest.mark.parametrize("field", sorted(PACKAGE.keys() - PLACES))
def test_a_package_lacks_only_what_the_page_allows(value: Any, field: str) -> None:
    value["packages"][0].pop(field, None)
    if PACKAGE[field] == "yes":
        with pytest.raises(EvaluationError, match=f"lacks .*{field}"):
            read(value)
    else:
        read(value)


@pytest.mark.parametrize("places", [{}, {"path": "pool/a.deb", "wheel": "a.whl"}])
def test_a_package_has_one_place(value: Any, places: dict[str, str]) -> None:
    kept = {k: v for k, v in value["packages"][0].items() if k not in PLACES}
    value["packages"][0] = kept | places
    with pytest.raises(EvaluationError, match="needs a path in Debian's pool, or a wheel"):
        read(value)


@pytest.mark.parametrize("field", ["name", "links", "packages"])
def test_a_field_of_another_kind_is_refused(value: Any, field: str) -> None:
    value[field] = 7
    with pytest.raises(EvaluationError):
        Seed.from_json("debian", value)


def test_a_role_that_there_is_not_is_refused(value: Any) -> None:
    value["packages"][0]["role"] = "kernel"
    with pytest.raises(EvaluationError, match="has the role 'kernel'"):
        read(value)


def test_the_pages_example_is_a_package_of_the_seed() -> None:
    match = re.search(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert match
    assert json.loads(match[1]) in SEEDS["debian"]["packages"]
