"""A Python without the module ssl fetches by http and from files, and refuses https in words."""

import subprocess
import sys
from pathlib import Path

import pytest

from store.cache import http_client
from store.fetch import tls
from store.fetch.bounds import Permanent
from store.fetch.transport import Client, Target
from tests.unit.fetch.hostile import GOOD, serving

WITHOUT = """
import sys

sys.modules["ssl"] = sys.modules["_ssl"] = None  # importing them is an ImportError
from store.fetch.transport import Client, Target

for url in sys.argv[1:]:
    try:
        with Client().open(Target(url)) as body:
            print(len(body.read(1 << 20)))
    except Exception as error:
        print(type(error).__name__, error, error.hint)
import store.cache.http_place
assert "ssl" not in [name for name, module in sys.modules.items() if module]
"""


def test_without_the_module_http_and_files_can_be_fetched(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with serving() as server:
        plain = server.url("good")
        urls = [plain, f"file://{tmp_path}/file", plain.replace("http:", "https:")]
        called = [sys.executable, "-c", WITHOUT, *urls]
        lines = subprocess.run(called, check=True, capture_output=True, text=True).stdout
    size, small, refused = lines.splitlines()
    assert 0 < int(size) <= len(GOOD) and small == "7"
    assert refused.startswith("Permanent https needs TLS") and "http:" in refused


def test_without_the_module_a_cache_by_https_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "HAS_TLS", False)
    client = http_client.HttpClient(http_client.WebServer("https", "localhost", 443))
    with pytest.raises(Permanent, match="needs TLS"):
        client.ask("GET", "https://localhost/x")
    with pytest.raises(Permanent, match="needs TLS"):
        Client().open(Target("https://localhost/x"))
