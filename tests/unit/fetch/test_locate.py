"""Locators become URLs through the machine's own configuration of apt and pip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store.errors import InvalidName
from store.fetch import indexes, mirrors
from store.fetch.locate import Machine, as_url, targets
from store.fetch.transport import Page, Permanent, Target
from store.fetch.wire import DIRECT
from store.model.locators import check_locator, shown

ONE_LINE = """\
# deb http://commented.test/debian bookworm main
deb http://one.test/debian/ bookworm main contrib  # a remark
deb-src [arch=amd64 signed-by=/usr/share/keyrings/a b.gpg] https://two.test/debian bookworm main
deb cdrom:[Debian 12 _Bookworm_ - amd64]/ bookworm main
deb http://flat.test/repo ./
rpm http://not.test/ x y
deb
"""

DEB822 = """\
# the main archive
Types: deb deb-src
URIs: http://one.test/debian
# between
  http://more.test/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: https://extra.test/apt
Suites: stable
Components: stable

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main
"""


@pytest.mark.parametrize(
    "locator",
    [
        "debian:pool/main/g/gcc-14/gcc-14_14.2.0.orig.tar.gz",
        "debian:pool/main/g/gmp/gmp_6.3.0+dfsg.orig.tar.xz",
        "debian:pool/main/t/tcc/tcc_0.9.27+git20200814.62c30a4a~x.orig.tar.bz2",
        "pypi:ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.whl",
        "pypi:msgpack-1.0.tar.gz",
        "https://example.test/a/b.tar.gz?x=1",
        "file:///srv/a.tar.gz",
    ],
)
def test_a_locator_of_a_known_form_is_taken(locator: str) -> None:
    check_locator(locator)


@pytest.mark.parametrize(
    "locator",
    [
        "debian:/pool/main/x",
        "debian:pool/../../etc/passwd",
        "debian:pool/main/a b",
        "debian:pool//main/x",
        "debian:",
        "debian:pool/main/x\n",
        "pypi:../x.whl",
        "pypi:a/b.whl",
        "pypi:name",
        "ftp://example.test/x",
        "http:///x",
        "https://example.test/a b",
        "file://other/x",
        "file:relative",
        "/etc/passwd",
        "data:,x",
        "",
    ],
)
def test_anything_else_is_refused_with_the_forms_there_are(locator: str) -> None:
    with pytest.raises(InvalidName) as caught:
        check_locator(locator)
    assert caught.value.hint and "the form is" in caught.value.hint


def test_one_line_sources_give_uris_and_components() -> None:
    entries = mirrors.parse_one_line(ONE_LINE)
    assert [entry.uri for entry in entries] == [
        "http://one.test/debian/",
        "https://two.test/debian",
        "cdrom:[Debian 12 _Bookworm_ - amd64]/",
        "http://flat.test/repo",
    ]
    assert entries[0].components == ("main", "contrib")
    assert entries[3].components == ()
    assert [entry.suites for entry in entries[:2]] == [("bookworm",), ("bookworm",)]
    assert not entries[0].signed_by and entries[1].signed_by.startswith("/usr/share/keyrings/a")


def test_deb822_sources_give_every_uri_of_enabled_stanzas() -> None:
    entries = mirrors.parse_deb822(DEB822)
    assert [(entry.uri, entry.components) for entry in entries] == [
        ("http://one.test/debian", ("main",)),
        ("http://more.test/debian", ("main",)),
        ("https://extra.test/apt", ("stable",)),
    ]
    assert entries[1].suites == ("bookworm",)
    assert "PUBLIC KEY" in entries[1].signed_by and not entries[2].signed_by


def test_archives_with_a_main_component_come_first_and_once() -> None:
    entries = [*mirrors.parse_deb822(DEB822)[2:], *mirrors.parse_one_line(ONE_LINE)]
    entries += mirrors.parse_deb822(DEB822)
    assert mirrors.order(entries)[0] == "http://one.test/debian"
    assert mirrors.order(entries).count("http://one.test/debian") == 1
    assert mirrors.order(entries)[-2:] == ["https://extra.test/apt", "http://flat.test/repo"]


def test_only_sources_that_can_be_fetched_are_used(tmp_path: Path) -> None:
    listed = tmp_path / "mirrors.list"
    listed.write_text("# two\nhttp://a.test/debian\tpriority:1\nfile:/srv/debian\n")
    assert mirrors.usable_bases(f"mirror+file:{listed}") == [
        "http://a.test/debian",
        "file:///srv/debian",
    ]
    assert mirrors.usable_bases(f"mirror+file://{listed}") == mirrors.usable_bases(
        f"mirror+file:{listed}"
    )
    assert mirrors.usable_bases("copy:///srv/x") == ["file:///srv/x"]
    assert mirrors.usable_bases("file://localhost/srv/x") == ["file:///srv/x"]
    for uri in ("cdrom:[Debian 12]/", "tor+http://x.test/", "ssh://x.test/", "mirror+file:/none"):
        assert mirrors.usable_bases(uri) == []


def test_schemes_in_capitals_are_schemes(tmp_path: Path) -> None:
    assert mirrors.usable_bases("HTTP://A.test/x") == ["http://A.test/x"]
    assert mirrors.usable_bases("Copy:///srv/x") == ["file:///srv/x"]
    listed = tmp_path / "mirrors.list"
    listed.write_text(f"Mirror+File:{listed}\nHTTPS://a.test/\n")  # the list itself is in it
    assert mirrors.usable_bases(f"MIRROR+FILE:{listed}") == ["https://a.test/"]
    assert as_url("HTTPS://i.test/Simple") == "https://i.test/Simple"
    assert as_url("FILE:/srv") == "file:///srv"


def test_the_mirror_that_is_asked_for_comes_before_apts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_DEBIAN_MIRROR", "http://first.test/debian/, http://second.test/d")
    assert mirrors.read_apt().bases[:2] == ("http://first.test/debian", "http://second.test/d")
    assert mirrors.read_apt("http://given.test/d").bases[0] == "http://given.test/d"


def test_the_sources_are_where_apts_own_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "list").write_text("deb http://list.test/debian x main\n")
    (tmp_path / "parts" / "a.sources").write_text(DEB822)
    (tmp_path / "parts" / "a.sources.save").write_text(DEB822.replace("one", "saved"))
    dump = (
        f'Dir "/";\nDir::Etc "{tmp_path}";\nDir::Etc::sourcelist "list";\n'
        f'Dir::Etc::sourceparts "parts";\nAcquire::http::Proxy "http://proxy.test:3142";\n'
    )
    monkeypatch.setattr(mirrors, "apt_config_dump", lambda: dump)
    monkeypatch.delenv("STORE_DEBIAN_MIRROR", raising=False)
    apt = mirrors.read_apt()
    assert apt.bases == (
        "http://list.test/debian",
        "http://one.test/debian",
        "http://more.test/debian",
        "https://extra.test/apt",
    )
    assert next(apt.targets("pool/main/x~y+z.gz")) == Target(
        "http://list.test/debian/pool/main/x~y+z.gz", "http://proxy.test:3142"
    )


def test_a_hosts_own_proxy_setting_comes_before_the_schemes() -> None:
    settings = mirrors.parse_apt_config(
        'Acquire::http::Proxy "http://p.test:1/";\n'
        'Acquire::http::Proxy::near.test "DIRECT";\nAPT::Architectures:: "amd64";\n'
    )
    apt = mirrors.AptConfiguration((), settings)
    assert apt.proxy_for("http://near.test/x") == DIRECT
    assert apt.proxy_for("https://far.test/x") == "http://p.test:1/"
    assert mirrors.AptConfiguration(()).proxy_for("http://far.test/x") is None


def test_pips_files_and_variables_are_merged_like_pip_does() -> None:
    settings = indexes.parse_pip_config(
        "[global]\nindex-url = https://i.test/simple\ncert = /c.pem\n"
        "[install]\nextra_index_url =\n  https://a.test/simple\n  https://b.test/simple\n"
        "[freeze]\nindex-url = https://no.test\n"
    )
    settings |= indexes.environment_settings({"PIP_FIND_LINKS": "/w", "PIP_CERT": "", "HOME": "/"})
    found = indexes.configuration(settings)
    assert found.indexes == (
        "https://i.test/simple",
        "https://a.test/simple",
        "https://b.test/simple",
    )
    assert found.find_links == ("/w",)
    assert found.ca_files == ("/c.pem",)
    assert not found.uses_default_index


def test_without_an_index_pips_default_one_is_used_unless_pip_is_told_not_to() -> None:
    assert indexes.configuration({}).uses_default_index
    assert not indexes.configuration({"no-index": "1"}).uses_default_index
    assert indexes.configuration({"no-index": "true", "extra-index-url": "x"}).indexes == ()


def test_a_damaged_pip_configuration_is_passed_over() -> None:
    assert indexes.parse_pip_config("no section\n") == {}


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        ("ziglang-0.17.1-py3-none-any.whl", "ziglang"),
        ("typing_extensions-4.0-py3-none-any.whl", "typing-extensions"),
        ("Zope.Interface-5.0.tar.gz", "zope-interface"),
        ("a-b-c-1.0.zip", "a-b-c"),
    ],
)
def test_a_file_name_tells_its_project(filename: str, project: str) -> None:
    assert indexes.project_of(filename) == project


def test_links_are_read_from_html_against_the_pages_base() -> None:
    page = Page(
        "https://i.test/simple/x/",
        "text/html",
        '<base href="/files/"><a href="x-1.whl#sha256=0">x</a><a href="../x-2.whl">y</a>'
        '<a>none</a><A HREF="https://cdn.test/q/x-1.whl?k=1">x</A>',
    )
    assert indexes.links_to("x-1.whl", page) == [
        "https://i.test/files/x-1.whl",
        "https://cdn.test/q/x-1.whl?k=1",
    ]


def test_links_are_read_from_json() -> None:
    files = [{"filename": "x-1.whl", "url": "../../x-1.whl"}, {"filename": "y", "url": "y"}]
    text = json.dumps({"files": files})
    page = Page("https://i.test/simple/x/", "application/vnd.pypi.simple.v1+json", text)
    assert indexes.links_to("x-1.whl", page) == ["https://i.test/x-1.whl"]
    assert indexes.links_to("x-1.whl", Page(page.url, page.media_type, "{")) == []
    assert indexes.links_to("x-1.whl", Page(page.url, page.media_type, '{"files": [1]}')) == []


def test_an_index_page_says_the_hash_of_each_file_and_its_withdrawal() -> None:
    digest = "a" * 64
    html = Page(
        "https://i.test/x/",
        "text/html",
        f'<a href="x-1.zip#sha256={digest}">x</a><a data-yanked="bad" href="x-2.zip#md5=0">x</a>',
    )
    one = indexes.Listed("x-1.zip", "https://i.test/x/x-1.zip", digest)
    two = indexes.Listed("x-2.zip", "https://i.test/x/x-2.zip", "", yanked=True)
    assert indexes.listed(html) == [one, two]
    files: list[dict[str, object]] = [
        {"url": "x-1.zip", "hashes": {"sha256": digest}, "yanked": False},
        {"url": "x-2.zip", "hashes": {"sha256": 1}, "yanked": "bad"},
    ]
    kind = "application/vnd.pypi.simple.v1+json"
    assert indexes.listed(Page(html.url, kind, json.dumps({"files": files}))) == [one, two]
    files[0]["hashes"] = ["sha256"]
    assert not indexes.listed(Page(html.url, kind, json.dumps({"files": files})))[0].sha256


def machine_with(pip: indexes.PipConfiguration) -> Machine:
    machine = Machine()
    machine.__dict__["pip"] = pip
    return machine


def test_indexes_are_asked_in_order_and_only_as_far_as_needed() -> None:
    asked = []

    def read(target: Target, _accept: str) -> Page:
        asked.append(target.url)
        if "down" in target.url:
            raise Permanent("401 Unauthorized", "say who you are")
        return Page(target.url, "text/html", '<a href="x-1.whl">x</a>')

    pip = indexes.PipConfiguration(
        indexes=("https://down.test/s/", "https://u:p@a.test/s", "https://b.test/s"),
        proxy="http://p",
    )
    notes: list[tuple[str | None, ...]] = []
    found = targets("pypi:x-1.whl", machine_with(pip), read, lambda *note: notes.append(note))
    assert next(found) == Target("https://u:p@a.test/s/x/x-1.whl", "http://p")
    assert asked == ["https://down.test/s/x/", "https://u:p@a.test/s/x/"]
    assert notes == [("https://down.test/s/x/", "401 Unauthorized", "say who you are")]


def test_local_folders_and_indexes_need_no_page(tmp_path: Path) -> None:
    (tmp_path / "x-1.whl").touch()
    (tmp_path / "simple" / "x").mkdir(parents=True)
    (tmp_path / "simple" / "x" / "x-1.whl").touch()
    pip = indexes.PipConfiguration((str(tmp_path),), (f"file:{tmp_path}/simple",))

    def read(_target: Target, _accept: str) -> Page:
        raise AssertionError

    found = targets("pypi:x-1.whl", machine_with(pip), read, lambda *_: None)
    assert [target.url for target in found] == [
        f"file://{tmp_path}/x-1.whl",
        f"file://{tmp_path}/simple/x/x-1.whl",
    ]


def test_a_machine_without_any_index_says_so() -> None:
    notes: list[tuple[str | None, ...]] = []
    machine = machine_with(indexes.PipConfiguration())

    def read(_target: Target, _accept: str) -> Page:
        raise AssertionError

    assert not list(targets("pypi:x-1.whl", machine, read, lambda *note: notes.append(note)))
    assert notes == [("pypi:x-1.whl", "pip has no index configured")]


def test_a_password_is_never_shown() -> None:
    assert shown("https://me:secret@i.test/x@y") == "https://i.test/x@y"
    assert Target("https://token@i.test/x").shown == "https://i.test/x"
