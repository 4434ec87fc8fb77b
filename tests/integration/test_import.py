"""Two stores of two users: the objects that one takes from the other, and whom it believes."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.subjects import small_recipes
from tests.integration.conftest import Shop, open_to_others, others_path


@pytest.fixture
def anne(archive: Path, tmp_path: Path) -> Shop:
    return user(archive, tmp_path / "anne")


@pytest.fixture
def bert(archive: Path, tmp_path: Path) -> Shop:
    return user(archive, tmp_path / "bert")


def user(archive: Path, place: Path) -> Shop:
    """An empty store, and a key."""
    env = {"XDG_CONFIG_HOME": str(place / "config")}
    shop = Shop(place / "root", small_recipes(place, archive, dice=True), env)
    shop.path("key", "new", place.name)
    return shop


def say(shop: Shop, *words: str, code: int = 0) -> str:
    """Return what a command says on standard error."""
    done = shop.run(*words)
    assert done.returncode == code, done.stderr
    return done.stderr


def origins(shop: Shop, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shop.path("info", "--json", path))["realisations"]
    return found


def attested(shop: Shop) -> set[str]:
    """The names of the objects that this store signs when asked for all."""
    done = shop.run("attest", "--all")
    payloads = [base64.b64decode(json.loads(line)["payload"]) for line in done.stdout.splitlines()]
    paths = [json.loads(payload)["subject"][0]["name"] for payload in payloads]
    return {path.partition("-")[2] for path in paths}


# -- whom to believe -----


def test_without_a_signature_objects_come_and_are_no_packages(anne: Shop, bert: Shop) -> None:
    hello = anne.path("realise", "hello")
    bert.path("realise", "rootfs")
    said = say(bert, "import", "--from", str(anne.root), hello)
    assert "1 object taken" in said
    assert "1 record of their builds not taken" in said
    assert "--statements" in said
    assert "--trust-unsigned" in said
    assert bert.physical(hello).read_text() == "hello\n"
    assert bert.path("realise", "--dry-run", "hello").split() == ["to", "build:", "hello"]
    assert "· hello" in bert.path("list")
    assert origins(bert, hello) == []
    assert attested(bert) == {"small-rootfs"}
    # Built here, it is the same object, and ours to sign.
    assert bert.path("realise", "hello") == hello
    assert attested(bert) == {"small-rootfs", "hello"}


def test_what_a_trusted_key_signed_is_used_and_not_signed_again(
    anne: Shop, bert: Shop, tmp_path: Path
) -> None:
    hello = anne.path("realise", "hello")
    bert.path("realise", "rootfs")
    signed = tmp_path / "signed.jsonl"
    say(anne, "attest", "hello", "--output", str(signed))
    words = ("import", "--from", str(anne.root), "--statements", str(signed), hello)
    assert "no key is trusted" in say(bert, *words, code=60)
    key = anne.path("key", "show", "anne")
    assert "signed by anne" in say(bert, *words, "--trust", key)
    assert bert.path("realise", "--dry-run", "hello") == "nothing to do"
    (record,) = origins(bert, hello)
    assert (record["origin"], record["signed_by"]) == ("signed", [key])
    assert record["imported_from"] == str(anne.root)
    assert f"imported from {anne.root}, signed by anne" in bert.path("info", hello)
    assert "imported from" in bert.path("show", hello)
    assert attested(bert) == {"small-rootfs"}
    refused = say(bert, "attest", "hello", code=15)
    assert "hello was not built here, but imported" in refused
    # An agreement with those that it was taken from would be one with themselves.
    found = bert.run("audit", "against", str(signed), "hello", "--trust", key, "--json")
    assert json.loads(found.stdout)["verdict"] == "unknown"


def test_statements_beside_the_objects_are_found(anne: Shop, bert: Shop) -> None:
    hello = anne.path("realise", "hello")
    say(anne, "attest", "--all", "--output", f"{anne.root}/statements/")
    assert "0 findings, 0 notes" in say(anne, "verify")
    bert.path("realise", "rootfs")
    say(bert, "key", "trust", anne.path("key", "show", "anne"))
    assert "signed by anne" in say(bert, "import", "--from", str(anne.root), hello)
    assert bert.path("realise", "--dry-run", "hello") == "nothing to do"


def test_as_asked_for_a_store_is_believed_and_never_signed(anne: Shop, bert: Shop) -> None:
    """Not by the next store either, nor when the index is made anew."""
    hello = anne.path("realise", "hello")
    bert.path("realise", "rootfs")
    say(bert, "import", "--trust-unsigned", "--from", str(anne.root), hello)
    assert bert.path("realise", "--dry-run", "hello") == "nothing to do"
    for _ in range(2):
        assert [record["origin"] for record in origins(bert, hello)] == ["trusted"]
        assert attested(bert) == {"small-rootfs"}
        say(bert, "index", "rebuild")
    say(anne, "import", "--trust-unsigned", "--from", str(bert.root), hello)
    assert [record["origin"] for record in origins(anne, hello)] == ["built"]
    assert "hello" in attested(anne)


def test_a_store_made_of_imports_alone_signs_nothing(anne: Shop, bert: Shop) -> None:
    hello = anne.path("realise", "hello")
    for words in ((), ("--trust-unsigned",)):
        say(bert, "import", *words, "--from", str(anne.root), hello)
        assert "has built nothing" in say(bert, "attest", "--all", code=15)
        assert bert.run("attest", "--all", "--unsigned").stdout == ""


def test_repairing_from_another_store_betters_no_origin(anne: Shop, bert: Shop) -> None:
    hello = anne.path("realise", "hello")
    say(bert, "import", "--trust-unsigned", "--from", str(anne.root), hello)
    file = bert.physical(hello)
    file.chmod(0o644)
    file.write_text("HELLO\n")
    done = bert.run("verify", "--contents", "--repair", "--from", str(anne.root))
    assert done.returncode == 0, done.stdout
    assert [record["origin"] for record in origins(bert, hello)] == ["trusted"]


def test_another_user_takes_objects_from_roots_store_and_back(
    anne: Shop, bert: Shop, others_python: str, tmp_path: Path
) -> None:
    import os

    hello = anne.path("realise", "hello")
    place = tmp_path / "nobody"
    place.mkdir()
    os.chown(place, 65534, 65534)
    open_to_others(tmp_path)
    nobody = replace(bert, root=place / "root", uid=65534, python=others_python)
    nobody = replace(nobody, env=bert.env | {"PYTHONPATH": others_path(), "HOME": str(place)})
    assert "not taken" in say(nobody, "import", "--from", str(anne.root), hello)
    before = sorted(path.name for path in (nobody.root / "index").iterdir())
    assert "1 object taken" in say(bert, "import", "--from", str(nobody.root), hello)
    assert sorted(path.name for path in (nobody.root / "index").iterdir()) == before
    assert origins(bert, hello) == []


# -- one object of each derivation -----


def read(shop: Shop, path: str) -> str:
    return shop.physical(path).read_text()


def closure(shop: Shop, path: str) -> set[str]:
    """The names in a closure, each as often as it is there."""
    return set(shop.path("closure", path).split())


def dice_of(shop: Shop, path: str) -> list[str]:
    return [each for each in closure(shop, path) if each.endswith("-dice")]


def planned(shown: str) -> set[str]:
    """The names of what a dry run would build."""
    return {line.split()[0] for line in shown.splitlines() if line.startswith("  ")}


@pytest.fixture
def two(anne: Shop, bert: Shop) -> tuple[str, str]:
    """The left of Anne, which Bert has imported, and his right: each on top of another throw."""
    left = anne.path("realise", "left")
    # Of several throws, the oldest is the first choice.
    time.sleep(1.1)
    right = bert.path("realise", "right")
    say(bert, "import", "--trust-unsigned", "--from", str(anne.root), left)
    assert dice_of(bert, left) != dice_of(bert, right)
    return left, right


def test_what_stands_on_two_throws_is_built_on_one(bert: Shop, two: tuple[str, str]) -> None:
    plan = bert.run("realise", "--dry-run", "top")
    assert "dice came out as several objects: using /store/" in plan.stderr
    assert planned(plan.stdout) in ({"left", "top"}, {"right", "top"})
    done = bert.run("realise", "top")
    assert done.returncode == 0, done.stderr
    assert "dice came out as several objects" in done.stderr
    assert "2 to build" in done.stderr
    assert len(dice_of(bert, done.stdout.strip())) == 1
    assert "0 findings" in say(bert, "verify")
    assert bert.path("realise", "--dry-run", "top") == "nothing to do"


def test_the_fewer_are_built_again(anne: Shop, bert: Shop, two: tuple[str, str]) -> None:
    tall = bert.path("realise", "tall")
    plan = bert.path("realise", "--dry-run", "tower")
    assert planned(plan) == {"left", "tower"}, "tall and right would have to be, else"
    tower = bert.path("realise", "tower")
    assert tall in closure(bert, tower)
    assert len(dice_of(bert, tower)) == 1


def test_what_was_taken_is_used_although_an_input_came_out_otherwise_here(
    anne: Shop, bert: Shop
) -> None:
    right = bert.path("realise", "right")
    time.sleep(1.1)
    left = anne.path("realise", "left")
    say(bert, "import", "--trust-unsigned", "--from", str(anne.root), left)
    assert bert.path("realise", "left") == left
    assert bert.path("realise", "right") == right
    assert dice_of(bert, left) != dice_of(bert, right)


def test_what_came_out_otherwise_when_it_was_gone_is_not_mixed_in(bert: Shop) -> None:
    right = bert.path("realise", "right")
    (dice,) = dice_of(bert, right)
    bert.physical(dice).unlink()
    done = bert.run("realise", "both")
    assert done.returncode == 0, done.stderr
    assert "built right" in done.stderr
    assert "[3/3] built both" in done.stderr
    assert "failed" not in done.stderr
    both = closure(bert, done.stdout.strip())
    assert len([path for path in both if path.endswith("-dice")]) == 1
    assert not both & {right, dice}
