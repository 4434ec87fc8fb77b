"""Importing objects from a cache that another user pushed to."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.cache_users import user
from tests.integration.conftest import Shop


def say(shop: Shop, *words: str, code: int = 0) -> str:
    """A command's lines on standard error."""
    done = shop.run(*words)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_objects_come_from_a_cache_and_count_when_they_are_signed(
    archive: Path, tmp_path: Path
) -> None:
    anne, bert = (
        user(archive, tmp_path / "anne", dice=True),
        user(archive, tmp_path / "bert", dice=True),
    )
    hello = anne.path("realise", "hello")
    url = f"file://{tmp_path}/cache"
    say(anne, "push", "--to", url, "--key", "anne", "hello")
    told = say(bert, "import", "--from", url, hello)
    assert f"downloading hello from {tmp_path}/cache" in told
    assert "1 object taken" in told
    assert bert.physical(hello).read_text() == "hello\n"
    assert "0 findings, 0 notes" in say(bert, "verify", "--contents")
    assert json.loads(bert.path("info", "--json", hello))["realisations"] == []
    # Where its key is known, the cache is asked for what trusted keys signed.
    bert.path("realise", "hello")
    say(bert, "key", "trust", anne.path("key", "show", "anne"))
    said = say(bert, "import", "--from", f"{tmp_path}/cache", hello)
    assert "signed by anne" in said
    origins = {
        record["origin"]
        for record in json.loads(bert.path("info", "--json", hello))["realisations"]
    }
    assert origins == {"built", "signed"}


def test_a_cache_that_lacks_or_damages_an_object_is_an_error(archive: Path, tmp_path: Path) -> None:
    anne, bert = (
        user(archive, tmp_path / "anne", dice=True),
        user(archive, tmp_path / "bert", dice=True),
    )
    hello = anne.path("realise", "hello")
    url = f"file://{tmp_path}/cache"
    assert "there is no cache" in say(bert, "import", "--from", url, hello, code=27)
    say(anne, "push", "--to", url, "--key", "anne", "hello")
    absent = f"/store/{'0' * 32}-none"
    assert "no cache has it" in say(bert, "import", "--from", url, absent, code=15)
    (pack,) = Path(tmp_path, "cache").glob("objects/*/*hello.pack")
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)
    said = say(bert, "import", "--from", url, hello, code=56)
    assert hello.rpartition("/")[2] in said
    assert str(tmp_path / "cache") in said
    assert not bert.physical(hello).exists()
    assert "has no build records without a signature" in say(
        bert, "import", "--trust-unsigned", "--from", url, hello, code=2
    )
