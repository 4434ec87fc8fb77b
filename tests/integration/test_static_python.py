"""The engine on a Python that has what a static one has: no ctypes, TLS, Rust, gRPC or colours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import static_python
from tests.integration.cache_users import user
from tests.integration.conftest import TOP, Shop


@pytest.fixture
def small(archive: Path, tmp_path: Path) -> Shop:
    """A store that is used by such a Python."""
    folder = tmp_path / "site"
    folder.mkdir()
    shop = user(archive, tmp_path / "user")
    shop.env["PYTHONPATH"] = f"{static_python.site_folder(folder)}:{TOP}"
    return shop


def test_packages_are_built_audited_signed_and_collected(small: Shop) -> None:
    for words in (
        ("list",),
        ("realise", "above"),
        ("verify",),
        ("audit", "rebuild", "above", "--vary", "all"),
        ("attest", "above"),
        ("profile", "list"),
        ("gc",),
    ):
        done = small.run(*words)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr


def test_a_server_that_builds_is_refused_in_words(small: Shop) -> None:
    refused = small.run("realise", "--on", "grpc://localhost:1", "above")
    assert refused.returncode == 2
    assert "needs Python's packages grpcio and protobuf" in refused.stderr
