"""A neighbour holds every lock that it can take, while the owner works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import Shop
from tests.integration.neighbours import let_in, neighbour


@pytest.mark.root(reason="only root can be another user")
def test_the_owner_collects_and_realises_beside_one_that_holds_locks(
    tmp_path: Path,
) -> None:
    own = Shop(tmp_path / "root")
    let_in(own.root.parent)
    file = tmp_path / "file"
    file.write_text("text")
    own.path("add", str(file))
    with neighbour(own.root):
        for words in (
            ("realise", "upstream"),
            ("add", str(file)),
            ("gc",),
            ("verify", "--contents"),
            ("optimise",),
            ("index", "rebuild"),
            ("gc",),
        ):
            done = own.run(*words)
            assert done.returncode == 0, (words, done.stderr)
