"""Images of real packages: found again, the same from every store, and what cannot be made."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.cache_users import cut_off
from tests.integration.conftest import Shop
from tests.unit.images.erofs_reader import ErofsReader

MIB = 1 << 20


def root_of(disk: Path) -> ErofsReader:
    """The file system in a disk's first partition."""
    return ErofsReader(disk.read_bytes()[MIB:])


def bring(shop: Shop, tmp_path: Path) -> Shop:
    """A store of its own, with what the toys are built with."""
    own = replace(shop, root=tmp_path / "elsewhere" / "root")
    userland = shop.path("realise", "userland")
    brought = own.run("import", "--from", str(shop.root), userland, "--trust-unsigned")
    assert brought.returncode == 0, brought.stderr
    return own


def damage(path: Path) -> None:
    """Put other bytes into an object's file."""
    path.parent.chmod(0o755)
    path.chmod(0o755)
    path.write_bytes(b"cut")


def test_a_disk_is_an_object_that_is_found_again(shop: Shop, tmp_path: Path) -> None:
    first = shop.run("image", "disk", "hello", "-o", str(tmp_path / "disk"))
    assert first.returncode == 0, first.stderr
    assert re.fullmatch(r"/store/[0-9a-z]{32}-hello\.img\n", first.stdout)
    assert "wrote hello.img" in first.stderr
    again = shop.run("image", "disk", "hello")
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, "")
    assert (tmp_path / "disk").resolve() == shop.physical(first.stdout.strip())


def test_an_object_stands_for_the_package_that_it_is(shop: Shop, tmp_path: Path) -> None:
    image = shop.path("image", "tar", "hello")
    hello, lib = shop.path("realise", "hello"), shop.path("realise", "pair^lib")
    for words in (hello, f"{hello}/bin/hello", hello.removeprefix("/store/")):
        assert shop.path("image", "tar", words) == image
    assert shop.path("image", "tar", lib) == shop.path("image", "tar", "pair^lib")
    (tmp_path / "note").write_text("a note\n")
    added = shop.path("add", str(tmp_path / "note"))
    refused = shop.run("image", "tar", added)
    assert refused.returncode == 2
    assert f"{added} is no output of a package of these recipes" in refused.stderr
    # Where it has to be a package, its own is named.
    refused = shop.run("realise", lib)
    assert refused.returncode == 11
    assert "and no path: did you mean pair^lib?" in refused.stderr


def test_a_disk_has_the_closure_and_the_programs(shop: Shop) -> None:
    path, hello = shop.path("image", "disk", "hello", "pair"), shop.path("realise", "hello")
    tree = root_of(shop.physical(path)).tree()
    assert tree[b"bin/hello"].data == f"{hello}/bin/hello".encode()
    assert tree[f"{hello[1:]}/bin/hello".encode()].data == b"#!/bin/sh\necho hello\n"
    objects = {name.split(b"/")[1].decode() for name in tree if name.startswith(b"store/")}
    closure = shop.path("closure", path).split()
    assert {f"/store/{name}" for name in objects} == set(closure) - {path}
    assert any(name.endswith("-pair-lib") for name in objects)


def test_order_and_place_of_the_store_do_not_matter(shop: Shop, tmp_path: Path) -> None:
    other = bring(shop, tmp_path)
    one = shop.path("image", "disk", "hello", "pair", "itself", "--size", "3MiB")
    two = other.path("image", "disk", "itself", "hello", "pair", "hello", "--size", "3MiB")
    assert one == two
    assert shop.physical(one).read_bytes() == other.physical(two).read_bytes()


@pytest.mark.parametrize("form", ["tar", "oci"])
def test_archives_and_containers_do_not_depend_on_order_or_place(
    shop: Shop, tmp_path: Path, form: str
) -> None:
    other = bring(shop, tmp_path)
    one = shop.path("image", form, "hello", "pair", "--link", "bin/sh:hello")
    two = other.path("image", form, "pair", "hello", "--link", "/bin/sh:hello")
    assert one == two
    assert one.endswith(f"-image.{form}")


def test_a_tar_has_a_root_to_change_into(shop: Shop) -> None:
    with tarfile.open(shop.physical(shop.path("image", "tar", "hello"))) as tar:
        names = tar.getnames()
        program = tar.extractfile(tar.getmember("bin/hello").linkname.removeprefix("/"))
        assert program is not None
        assert program.read() == b"#!/bin/sh\necho hello\n"
    assert {"bin/hello", "dev", "proc", "sys", "tmp", "etc/passwd", "usr/bin"} <= set(names)


def test_two_containers_share_files_of_the_store(shop: Shop) -> None:
    one = shop.physical(shop.path("image", "oci", "hello", "--entrypoint", "hello"))
    two = shop.physical(shop.path("image", "oci", "hello", "itself", "--env", "A=b"))
    inodes = [{file.stat().st_ino for file in top.glob("blobs/sha256/*")} for top in (one, two)]
    assert len(inodes[0] & inodes[1]) == 2  # of the object, and of the root: "itself" adds nothing


def test_a_disk_that_is_too_small_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    done = shop.run("image", "disk", "hello", "--size", "1MiB", "-o", str(tmp_path / "disk"))
    assert done.returncode == 31
    assert done.stdout == ""
    assert "its disk has 2.0 MiB at least (2097152 bytes), and not 1.0 MiB" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("disk",), 2, "Missing argument"),
        (("disk", "helo"), 11, "did you mean hello"),
        (("disk", "hello^lib"), 12, "no output"),
        (("zip", "hello"), 2, "zip"),
        (("disk", "hello", "--size", "0"), 16, "size=0"),
        (("disk", "hello", "--size", "large"), 2, "not a size"),
        (("disk", "hello", "--label", "a\x1b[31mb"), 16, r"a\x1b[31mb"),
        (("disk", "hello", "--label", "much-too-long-label"), 16, "at most 15"),
        (("disk", "hello", "--name", "a/b"), 16, "cannot name"),
        (("disk", "hello", "--name", "a\nb"), 16, r"a\nb"),
        (("disk", "hello", "--link", "nothing"), 2, "PATH:TEXT"),
        (("disk", "hello", "--link", "../x:y"), 16, "from the top"),
        (("disk", "hello", "--link", "store/x:y"), 16, "for objects alone"),
        (("disk", "hello", "--link", "data/x/y:z", "--link", "data/x:z"), 16, "another link"),
        (("disk", "hello", "--link", "bin:x"), 31, "twice"),
        (("disk", "hello", "--size", "1000"), 16, "a multiple of 512"),
        (("disk", "hello", "--size", "2TiB"), 16, "at most"),
        (("disk", "hello", "--name", ""), 16, "cannot name"),
        (("oci", "hello", "--entrypoint", ""), 16, "begins with the name of a program"),
        (("disk", "hello", "-o", "/"), 2, "exists"),
        (("tar", "hello", "--size", "3MiB"), 2, "--size"),
        (("oci", "hello", "--env", "A"), 2, "NAME=VALUE"),
        (("oci", "hello", "--env", "A=1", "--env", "A=2"), 16, "one name"),
        (("oci", "hello", "--env", "A=\n"), 16, "printable"),
        (("oci", "hello", "--env", "A B=x"), 16, "a variable's name has no space"),
        (("oci", "hello", "--label", "-x"), 16, "begins with"),
        (("disk", "hello", "-o", "/nowhere/disk"), 2, "does not exist"),
    ],
)
def test_a_wrong_request_is_one_error(
    shop: Shop, words: tuple[str, ...], code: int, said: str
) -> None:
    done = shop.run("image", *words)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_json_has_the_package_and_its_place(shop: Shop) -> None:
    record = json.loads(shop.path("image", "disk", "hello", "--json"))
    assert record["package"] == "hello.img"
    assert Path(record["physical"]).is_file()


def test_a_map_of_the_disk_has_images_of_their_own_kind(shop: Shop, tmp_path: Path) -> None:
    own = bring(shop, tmp_path)
    own.path("image", "disk", "hello", "-o", str(tmp_path / "disk"))
    assert own.run("du", "--html", str(tmp_path / "page.html")).returncode == 0
    assert '<td data-label="Kind">images</td>' in (tmp_path / "page.html").read_text()


def test_a_damaged_input_is_named(shop: Shop, tmp_path: Path) -> None:
    own = bring(shop, tmp_path)
    program = own.physical(own.path("realise", "hello")) / "bin" / "hello"
    damage(program)
    done = own.run("image", "disk", "hello")
    assert done.returncode == 56, done.stderr
    assert str(program) in done.stderr
    assert "store verify" in done.stderr


def test_a_damaged_image_is_made_again_by_a_repair(shop: Shop, tmp_path: Path) -> None:
    own = bring(shop, tmp_path)
    disk = own.physical(own.path("image", "disk", "hello"))
    before = disk.read_bytes()
    damage(disk)
    assert own.run("verify", "--contents").returncode == 2
    done = own.run("verify", "--contents", "--repair")
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes() == before


def test_an_audit_makes_an_image_again(shop: Shop) -> None:
    made = [shop.path("image", form, "hello") for form in ("disk", "tar", "oci")]
    done = shop.run("audit", "rebuild", *made)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("reproduced") >= 3
    source = shop.path("add", str(Path(__file__)))
    done = shop.run("audit", "rebuild", source)
    assert done.returncode == 1
    assert "was not built by this store" in done.stdout


def test_a_collection_drops_images_that_nothing_keeps(shop: Shop, tmp_path: Path) -> None:
    own = bring(shop, tmp_path)
    kept, other = tmp_path / "kept", own.physical(own.path("image", "disk", "hello"))
    assert own.run("image", "disk", "pair", "-o", str(kept)).returncode == 0
    assert own.run("gc").returncode == 0
    assert kept.exists()
    assert not other.exists()
    assert own.run("verify", "--contents").returncode == 0


def test_a_cache_has_an_image_as_any_other_object(
    archive: Path, anne: Shop, tmp_path: Path
) -> None:
    made = anne.path("image", "tar", "base")
    url = f"file://{tmp_path}/cache"
    anne.path("push", "--to", url, made)
    bert = cut_off(archive, tmp_path / "bert", anne)
    done = bert.run("image", "tar", "base", "--cache", url, "--cache-only")
    assert (done.returncode, done.stdout.strip()) == (0, made), done.stderr
    assert bert.physical(made).read_bytes() == anne.physical(made).read_bytes()
    assert bert.run("verify", "--contents").returncode == 0
