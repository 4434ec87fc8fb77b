"""Two machines that built the same recipes, what they sign, and what each finds in it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.integration.conftest import Shop

HELLO, RANDOM = "hello", "lottery"


def machine(shop: Shop, place: Path) -> Shop:
    """A store of its own that has what ``shop`` has, and a user with a configuration."""
    place.mkdir()
    shutil.copytree(
        shop.root, place / "root", symlinks=True, copy_function=partial(take, shop.root)
    )
    return Shop(place / "root", env={"XDG_CONFIG_HOME": str(place / "config")})


def take(root: Path, source: str, target: str) -> None:
    """Link all that is never written to again; all else is each store's own."""
    if Path(source).relative_to(root).parts[0] in ("store", "manifests", "links"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def anne(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = machine(shop, tmp_path_factory.mktemp("machines") / "anne")
    assert made.run("realise", HELLO, RANDOM).returncode == 0
    assert made.run("key", "new", "anne").returncode == 0
    return made


@pytest.fixture(scope="module")
def bert(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = machine(shop, tmp_path_factory.mktemp("machines") / "bert")
    assert made.run("realise", HELLO, RANDOM).returncode == 0
    assert made.run("key", "new", "bert").returncode == 0
    assert made.run("key", "new", "second").returncode == 0
    return made


@pytest.fixture
def signed(anne: Shop, tmp_path: Path) -> Path:
    """Return what Anne signed of both packages."""
    file = tmp_path / "anne.intoto.jsonl"
    done = anne.run("attest", HELLO, RANDOM, "--output", str(file))
    assert done.returncode == 0, done.stderr
    return file


def public(shop: Shop, name: str) -> str:
    return shop.path("key", "show", name)


def audit(shop: Shop, *words: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """The exit code, each package's finding, and standard error."""
    done = shop.run("audit", "challenge", "--json", *words)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {item["subject"]: item for item in findings}, done.stderr


def verdicts(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: item["verdict"] for name, item in found.items()}


# -- what is signed -----


def test_a_statement_can_be_checked_by_whoever_has_only_the_formats(
    anne: Shop, signed: Path
) -> None:
    lines = [json.loads(line) for line in signed.read_text().splitlines()]
    assert len(lines) == 2
    name, _, key = public(anne, "anne").partition(":")
    assert name == "anne"
    verifier = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
    paths = {}
    for line in lines:
        assert line["payloadType"] == "application/vnd.in-toto+json"
        payload = base64.b64decode(line["payload"])
        kind = line["payloadType"].encode()
        message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        (signature,) = line["signatures"]
        verifier.verify(base64.b64decode(signature["sig"]), message)
        statement = json.loads(payload)
        definition = statement["predicate"]["buildDefinition"]
        given = definition["externalParameters"]
        (subject,) = statement["subject"]
        paths[given["derivation"]] = subject["name"]
        run = statement["predicate"]["runDetails"]
        assert run["metadata"]["fixpoint_sandbox"] == "full"
        log = (anne.root / "logs" / given["key"]).read_bytes()
        assert run["byproducts"][0]["digest"]["blake3"] == blake3(log).hexdigest()
        needed = [item["name"] for item in definition["resolvedDependencies"]]
        assert needed == [anne.path("realise", "userland")]
        info = json.loads(anne.path("info", "--json", subject["name"]))
        assert subject["digest"]["fixpointTree"] == info["tree"]
    assert paths == {name: anne.path("realise", name) for name in (HELLO, RANDOM)}


def test_all_is_what_was_built_and_not_what_was_fetched(anne: Shop) -> None:
    done = anne.run("attest", "--all")
    payloads = [base64.b64decode(json.loads(line)["payload"]) for line in done.stdout.splitlines()]
    subjects = {json.loads(payload)["subject"][0]["name"] for payload in payloads}
    assert {anne.path("realise", name) for name in (HELLO, RANDOM, "userland")} <= subjects
    assert not any(name.endswith(".deb") for name in subjects)
    same = anne.run("attest", "--closure", HELLO)
    assert len(same.stdout.splitlines()) == 2


def test_a_folder_gets_a_file_a_statement_and_the_same_one_twice_is_once(
    anne: Shop, tmp_path: Path
) -> None:
    for _ in range(2):
        done = anne.run("attest", HELLO, RANDOM, "--output", f"{tmp_path}/out/")
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name.partition("-")[0] for name in names] == [HELLO, RANDOM]
    assert all(name.endswith(".intoto.jsonl") for name in names)


def test_nothing_is_signed_without_a_key_or_of_what_is_not_here(shop: Shop, tmp_path: Path) -> None:
    stranger = Shop(shop.root, env={"XDG_CONFIG_HOME": str(tmp_path)})
    done = stranger.run("attest", "userland")
    assert done.returncode == 60
    assert "store key new" in done.stderr
    stranger.path("key", "new", "me")
    for words in (("fails",), ("userland", "fails"), ("after-failure",), ("--closure", "fails")):
        done = stranger.run("attest", *words)
        assert done.returncode == 18
        assert f"{words[-1]} is not realised in this store" in done.stderr
    assert stranger.run("attest").returncode == 2
    assert stranger.run("attest", "no-such-package").returncode == 11


# -- keys -----


def test_keys_are_made_once_shown_by_halves_and_refused_when_open(
    shop: Shop, tmp_path: Path
) -> None:
    user = Shop(shop.root, env={"XDG_CONFIG_HOME": str(tmp_path)})
    line = user.path("key", "new", "me")
    private = tmp_path / "fixpoint" / "keys" / "me.key"
    assert private.stat().st_mode & 0o777 == 0o600
    secret = private.read_text()
    again = user.run("key", "new", "me")
    assert again.returncode == 2
    assert "already" in again.stderr
    assert private.read_text() == secret
    assert user.path("key", "show", "me") == line
    assert user.path("key", "list") == f"own      {line}"
    assert user.path("key", "trust", line) == f"trusted  {line}"
    assert user.path("key", "list").splitlines() == [f"own      {line}", f"trusted  {line}"]
    private.chmod(0o644)
    refused = user.run("attest", "userland")
    assert refused.returncode == 60
    assert "open to others" in refused.stderr
    assert secret.split(":")[1].strip() not in refused.stderr


def test_a_key_is_never_made_within_the_store(shop: Shop) -> None:
    inside = Shop(shop.root, env={"XDG_CONFIG_HOME": str(shop.root / "config")})
    done = inside.run("key", "new", "me")
    assert done.returncode == 2
    assert "within the store" in done.stderr
    assert not (shop.root / "config").exists()


# -- what others find in it -----


def test_what_reproduces_agrees_and_what_is_random_differs(
    anne: Shop, bert: Shop, signed: Path
) -> None:
    code, found, said = audit(bert, str(signed), HELLO, RANDOM, "--trust", public(anne, "anne"))
    assert code == 2
    assert verdicts(found) == {HELLO: "reproduced", RANDOM: "differs"}
    assert found[RANDOM]["expected"] == bert.path("realise", RANDOM)
    assert found[RANDOM]["actual"] == anne.path("realise", RANDOM)
    assert "by anne" in found[RANDOM]["detail"]
    assert "2 signed statements" in said
    assert "1 reproduced, 1 differs" in said


def test_without_packages_all_that_was_built_is_compared(
    anne: Shop, bert: Shop, signed: Path
) -> None:
    code, found, _ = audit(bert, str(signed), "--trust", public(anne, "anne"))
    assert code == 2
    assert verdicts(found)["userland"] == "unknown"
    code, found, _ = audit(bert, str(signed), HELLO, "--trust", public(anne, "anne"))
    assert (code, verdicts(found)) == (0, {HELLO: "reproduced"})


def test_a_package_that_is_not_realised_is_unknown_beside_the_others(
    anne: Shop, bert: Shop, signed: Path
) -> None:
    trust = ("--trust", public(anne, "anne"))
    code, found, said = audit(bert, str(signed), HELLO, "fails", "after-failure", *trust)
    assert code == 1
    assert verdicts(found) == {HELLO: "reproduced", "fails": "unknown", "after-failure": "unknown"}
    assert found["after-failure"]["detail"] == "it is not realised in this store"
    assert "1 reproduced, 2 unknown" in said


def test_whoever_is_not_trusted_counts_nothing(bert: Shop, signed: Path) -> None:
    code, found, said = audit(bert, str(signed), HELLO, RANDOM)
    assert code == 1
    assert verdicts(found) == {HELLO: "unknown", RANDOM: "unknown"}
    assert "ignored: 2 signatures by keys that are not trusted" in said


def test_keys_in_the_configuration_are_trusted(
    anne: Shop, bert: Shop, signed: Path, tmp_path: Path
) -> None:
    reader = Shop(bert.root, env={"XDG_CONFIG_HOME": str(tmp_path / "reader")})
    reader.path("key", "trust", public(anne, "anne"))
    code, found, _ = audit(reader, str(signed), HELLO)
    assert (code, verdicts(found)) == (0, {HELLO: "reproduced"})


def test_a_statement_that_was_altered_counts_nothing_and_is_reported(
    anne: Shop, bert: Shop, signed: Path
) -> None:
    trusted = public(anne, "anne")
    lines = [json.loads(line) for line in signed.read_text().splitlines()]
    ours = bert.path("realise", RANDOM)
    for line in lines:
        payload = json.loads(base64.b64decode(line["payload"]))
        payload["subject"][0]["name"] = ours
        line["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    signed.write_text("\n".join(map(json.dumps, lines)))
    code, found, said = audit(bert, str(signed), RANDOM, "--trust", trusted)
    assert (code, verdicts(found)) == (1, {RANDOM: "unknown"})
    assert "ignored: 2 signatures that the trusted key they name did not make" in said
    assert "anne.intoto.jsonl:1" in said


def test_a_threshold_asks_for_different_keys(anne: Shop, bert: Shop, tmp_path: Path) -> None:
    everything = tmp_path / "statements"
    for shop, key in ((anne, "anne"), (bert, "bert"), (bert, "second")):
        done = shop.run("attest", HELLO, "--key", key, "--output", f"{everything}/")
        assert done.returncode == 0, done.stderr
    keys = tmp_path / "keys"
    names = [public(anne, "anne"), public(bert, "bert"), public(bert, "second")]
    keys.write_text("\n".join(names))
    for threshold, trusted, code in (
        ("2", names[:2], 0),
        ("2", names, 0),
        ("3", names, 0),
        ("1", names[:1], 0),
        ("2", [names[0], f"alias:{names[0].partition(':')[2]}", names[2]], 0),
    ):
        options = [word for key in trusted for word in ("--trust", key)]
        given, _, said = audit(anne, str(everything), HELLO, *options, "--threshold", threshold)
        assert given == code, said
    (everything / next(n for n in os.listdir(everything) if n.startswith("hello"))).unlink()
    few = audit(anne, str(everything), HELLO, "--trust", str(keys), "--threshold", "3")
    assert (few[0], verdicts(few[1])) == (1, {HELLO: "unknown"})
    assert "2 of 3 signers" in few[1][HELLO]["detail"]
    impossible = anne.run(
        "audit", "challenge", str(everything), HELLO, "--threshold", "2", "--trust", names[0]
    )
    assert impossible.returncode == 60
    assert "2 signers have to agree, and 1 key is trusted" in impossible.stderr


def test_what_is_not_signed_counts_only_where_no_signers_are_asked_for(
    anne: Shop, bert: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "plain.jsonl"
    assert anne.run("attest", "--unsigned", HELLO, RANDOM, "-o", str(file)).returncode == 0
    code, found, said = audit(bert, str(file), HELLO, RANDOM)
    assert (code, verdicts(found)) == (2, {HELLO: "reproduced", RANDOM: "differs"})
    assert "2 unsigned statements" in said
    trusted = ("--trust", public(anne, "anne"))
    code, found, said = audit(bert, str(file), HELLO, RANDOM, *trusted, "--threshold", "1")
    assert (code, verdicts(found)) == (1, {HELLO: "unknown", RANDOM: "unknown"})
    assert "2 unsigned statements, which do not count with --threshold" in said


def test_a_rebuild_that_differs_is_signed_and_believed(
    anne: Shop, bert: Shop, tmp_path: Path
) -> None:
    rebuilt = anne.run("audit", "rebuild", "--json", HELLO, RANDOM)
    assert rebuilt.returncode == 2, rebuilt.stderr
    (tmp_path / "findings").write_text(rebuilt.stdout)
    signed = tmp_path / "verdicts.jsonl"
    done = anne.run("attest", "--findings", str(tmp_path / "findings"), "-o", str(signed))
    assert done.returncode == 0, done.stderr
    payloads = [
        json.loads(base64.b64decode(json.loads(line)["payload"]))
        for line in signed.read_text().splitlines()
    ]
    signed_verdicts = {
        item["predicate"]["package"]: item["predicate"]["verdict"] for item in payloads
    }
    assert signed_verdicts == {HELLO: "reproduced", RANDOM: "differs"}
    assert str(anne.root) not in json.dumps(payloads)
    code, found, _ = audit(bert, str(signed), HELLO, RANDOM, "--trust", public(anne, "anne"))
    assert (code, verdicts(found)) == (2, {HELLO: "reproduced", RANDOM: "differs"})
    # Anne's own store learns from it too, that its object is not what a rebuild gives.
    code, found, _ = audit(anne, str(signed), RANDOM, "--trust", public(anne, "anne"))
    assert (code, verdicts(found)) == (2, {RANDOM: "differs"})


# -- sources -----


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A server on the loopback that serves the test's folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    handler = partial(Quiet, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_statements_are_read_from_a_url_compressed_or_not(
    anne: Shop, bert: Shop, signed: Path, served: str
) -> None:
    trusted = ("--trust", public(anne, "anne"))
    subprocess.run(["gzip", "-k", str(signed)], check=True)
    for name in (signed.name, f"{signed.name}.gz"):
        code, found, _ = audit(bert, f"{served}/{name}", HELLO, *trusted)
        assert (code, verdicts(found)) == (0, {HELLO: "reproduced"})
    missing = bert.run("audit", "challenge", f"{served}/none", HELLO, *trusted)
    assert missing.returncode == 22
    assert "404" in missing.stderr


def test_what_is_no_source_is_said_in_one_line(bert: Shop, tmp_path: Path) -> None:
    done = bert.run("audit", "against", str(tmp_path / "none"), HELLO)
    assert done.returncode == 22, "2 would say that something differs"
    assert "is not there" in done.stderr
    (tmp_path / "garbage").write_bytes(os.urandom(1 << 16))
    code, found, said = audit(bert, str(tmp_path / "garbage"), HELLO)
    assert (code, verdicts(found)) == (1, {HELLO: "unknown"})
    assert "that cannot be read" in said
    assert "Traceback" not in said
