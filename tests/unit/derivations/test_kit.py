"""Whatever is wrong with a recipe is an error of its evaluation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from derivations.kit import (
    CatalogueBuilder,
    PackageSet,
    Recipe,
    Stage,
    autotools,
    configure,
    data,
    debian,
    debian_patches,
    makefile,
    phase,
    phases,
    project,
    pypi,
    texts,
    url,
    variant,
)
from derivations.kit.lines import check_line
from store.errors import Cycle, EvaluationError, FormatError, InvalidName, UnfilledRole
from store.fetch.project import archive_of
from store.model.derivation import Derivation, Ref, Source
from store.unpack.selection import UnpackOptions

ROOT = Source("root", "0" * 64, ("https://example.org/root",))
COMPILER = Source("compiler", "1" * 64, ("https://example.org/compiler",))


def recipe(name: str = "package", **fields: object) -> Recipe:
    base = Recipe(
        name=name,
        version="1",
        description="A package",
        licence="MIT",
        homepage="https://example.org/",
        build=phases(phase("install", 'mkdir "$out"'), tools=("cc",)),
    )
    return variant(base, **fields)


def stock(
    graph: CatalogueBuilder, recipes: dict[str, Recipe], forbidden: frozenset[bytes] = frozenset()
) -> PackageSet:
    tools: dict[str, tuple[Ref, ...]] = {"cc": (COMPILER.ref(),), "sh": ()}
    return PackageSet(Stage("stage9", ROOT.ref(), tools, recipes, forbidden=forbidden), graph)


def derivation(graph: CatalogueBuilder, ref: Ref) -> Derivation:
    node = graph.nodes[ref.node]
    assert isinstance(node, Derivation)
    return node


def test_a_recipe_becomes_a_script_for_the_shell() -> None:
    graph = CatalogueBuilder()
    made = derivation(graph, stock(graph, {"package": recipe()})["package"])
    assert made.name == "package-1"
    assert made.builder == "/bin/sh"
    assert made.rootfs == ROOT.ref()
    assert made.args[:2] == ("-eu", "-c")
    assert "echo '@phase install'\ncd /build/obj\nmkdir \"$out\"\n" in made.args[2]


def test_the_usual_time_changes_nothing_that_is_built() -> None:
    plain, timed = CatalogueBuilder(), CatalogueBuilder()
    first = stock(plain, {"package": recipe()})["package"]
    second = stock(timed, {"package": recipe(seconds=40)})["package"]
    assert first == second
    assert plain.catalogue().seconds == {}
    assert timed.catalogue().seconds == {first.node: 40}


@pytest.mark.parametrize("seconds", [-1, 1.5, "40", True, 8 * 86400])
def test_a_time_is_a_whole_number_of_seconds(seconds: object) -> None:
    with pytest.raises(EvaluationError, match="whole number"):
        recipe(seconds=seconds)


def test_tools_come_onto_the_path_before_the_root_file_system() -> None:
    graph = CatalogueBuilder()
    made = derivation(graph, stock(graph, {"package": recipe(tools=("sh",))})["package"])
    assert dict(made.env)["PATH"] == f"{COMPILER.ref()}/bin:/bin"
    assert made.inputs == (COMPILER.ref(),)


def test_an_input_is_a_package_of_the_same_stage() -> None:
    graph = CatalogueBuilder()
    packages = stock(graph, {"package": recipe(runs=("a-library",)), "a-library": recipe("lib")})
    made = derivation(graph, packages["package"])
    assert packages["a-library"] in made.inputs
    assert f"a_library={packages['a-library']}\n" in made.args[2]


def test_two_stages_with_the_same_tools_make_the_same_derivation() -> None:
    graph = CatalogueBuilder()
    first = stock(graph, {"package": recipe()})["package"]
    assert stock(graph, {"package": recipe()})["package"] == first


def test_an_unfilled_tool_names_role_recipe_and_stage() -> None:
    with pytest.raises(UnfilledRole, match=r"stage9\.package needs the role 'awk'"):
        stock(CatalogueBuilder(), {"package": recipe(tools=("awk",))})["package"]


def test_an_unfilled_role_has_near_ones_where_there_are_many() -> None:
    many = [f"role{number}" for number in range(100)]
    assert UnfilledRole("zlibb", "vim", "world", [*many, "zlib"]).hint == "did you mean zlib?"
    assert UnfilledRole("zlib", "vim", "world", many).hint is None
    assert UnfilledRole("zlib", "vim", "world", ["cc", "sh"]).hint == (
        "roles that are filled there: cc, sh"
    )


def test_an_unfilled_input_names_role_recipe_and_stage() -> None:
    with pytest.raises(UnfilledRole, match=r"stage9\.package needs the role 'zlib'"):
        stock(CatalogueBuilder(), {"package": recipe(runs=("zlib",))})["package"]


def test_packages_that_need_each_other_are_shown_as_a_chain() -> None:
    packages = stock(
        CatalogueBuilder(),
        {
            "a": recipe("a", runs=("b",)),
            "b": recipe("b", runs=("c",)),
            "c": recipe("c", runs=("b",)),
        },
    )
    with pytest.raises(Cycle) as caught:
        packages["a"]
    assert caught.value.chain == ("stage9.b", "stage9.c", "stage9.b")


def test_a_stage_refuses_what_it_is_to_do_without() -> None:
    packages = stock(CatalogueBuilder(), {"package": recipe()}, frozenset({COMPILER.digest}))
    with pytest.raises(EvaluationError, match=r"stage9\.package would be built with compiler"):
        packages["package"]


PATCHES = debian_patches(
    "p/package/package_1-1+deb1u1.debian.tar.xz", "2" * 64, "first.patch", "second.patch"
)


def test_a_stage_builds_what_applies_patches_itself() -> None:
    graph = CatalogueBuilder()
    packages = stock(
        graph, {"package": recipe(patches=(PATCHES,)), "patch": recipe("patch", tools=())}
    )
    made = derivation(graph, packages["package"])
    path = dict(made.env)["PATH"].split(":")
    assert path == [f"{COMPILER.ref()}/bin", f"{packages['patch']}/bin", "/bin"]
    applied = [line for line in made.args[2].splitlines() if line.startswith("patch ")]
    assert [line.rpartition("/")[2] for line in applied] == ['first.patch"', 'second.patch"']
    assert all("-F0" in line for line in applied)


def test_what_applies_patches_cannot_be_patched() -> None:
    packages = stock(CatalogueBuilder(), {"patch": recipe("patch", patches=(PATCHES,))})
    with pytest.raises(Cycle):
        packages["patch"]


def test_a_stage_without_what_applies_patches_says_so() -> None:
    packages = stock(CatalogueBuilder(), {"package": recipe(patches=(PATCHES,))})
    with pytest.raises(UnfilledRole, match="patch"):
        packages["package"]


def test_a_stage_takes_no_patches_that_lie_among_the_recipes() -> None:
    packages = stock(CatalogueBuilder(), {"package": recipe(patches=("ours.patch",))})
    with pytest.raises(EvaluationError, match="packages of the world alone"):
        packages["package"]


def test_a_stage_has_packages_of_one_output() -> None:
    packages = stock(CatalogueBuilder(), {"package": recipe(outputs=("out", "doc"))})
    with pytest.raises(EvaluationError, match="has several outputs"):
        packages["package"]


def test_a_package_name_is_taken_once() -> None:
    graph = CatalogueBuilder()
    graph.publish("name", ROOT.ref())
    with pytest.raises(EvaluationError, match="two packages"):
        graph.publish("name", COMPILER.ref())


@pytest.mark.parametrize(
    "line",
    ["./configure && make", "a &&\nb", 'test "$x" = "y" && rm z', "(a && b) && c", "a &&b"],
)
def test_a_list_whose_failure_would_go_unnoticed_is_refused(line: str) -> None:
    with pytest.raises(EvaluationError, match="unnoticed"):
        phase("build", line)


@pytest.mark.parametrize(
    "line",
    ["echo 'a && b'", 'echo "a && b"', "if a && b; then c; fi", "x=$(a && b)", r"echo \&\&"],
)
def test_other_uses_of_two_ampersands_pass(line: str) -> None:
    check_line(line, "build")


@pytest.mark.parametrize("line", ["", "  ", "a\0b"])
def test_a_command_line_is_text(line: str) -> None:
    with pytest.raises(EvaluationError):
        phase("build", line)


@pytest.mark.parametrize("field", ["version", "description", "licence", "homepage"])
def test_an_empty_field_is_refused_by_name(field: str) -> None:
    with pytest.raises(EvaluationError, match=f"empty {field}"):
        recipe(**{field: ""})


def test_a_name_that_cannot_stand_in_the_store_is_refused() -> None:
    with pytest.raises(InvalidName):
        recipe("a/b")


def test_a_recipe_needs_phases() -> None:
    with pytest.raises(EvaluationError, match="without phases"):
        phases()


def test_a_role_named_twice_is_refused() -> None:
    with pytest.raises(EvaluationError, match="twice in tools: cc"):
        recipe(tools=("cc", "sh", "cc"))


def test_a_phase_needs_a_proper_name() -> None:
    with pytest.raises(EvaluationError, match="name a phase"):
        phase("Build it", "make")


def test_a_variant_replaces_fields_that_there_are() -> None:
    assert variant(recipe(), version="2").label == "package-2"
    with pytest.raises(EvaluationError, match="verison"):
        variant(recipe(), verison="2")


def test_programs_are_checked_to_be_static() -> None:
    graph = CatalogueBuilder()
    made = derivation(graph, stock(graph, {"package": recipe(programs=("tool",))})["package"])
    assert "@phase verify" in made.args[2]
    assert "INTERP" in made.args[2]


@pytest.mark.parametrize("field", ["description", "licence", "homepage"])
def test_a_draft_is_refused(field: str) -> None:
    with pytest.raises(EvaluationError, match=f"is unfinished: {field}$"):
        recipe(**{field: "TODO: find out"})


def test_the_error_of_a_draft_names_all_that_is_to_be_done() -> None:
    with pytest.raises(EvaluationError) as caught:
        recipe(
            licence="TODO: MIT",
            programs=("TODO: those in bin",),
            licences=("TODO",),
            needs=("zlib", "TODO-libfoo"),
            waive=(("static", "TODO"),),
            build=phases(phase("build", "TODO")),
        )
    fields = "licence, programs, licences, needs, waive, phase build"
    assert caught.value.message == f"the recipe 'package' is unfinished: {fields}"


def test_a_check_is_waived_for_a_reason() -> None:
    with pytest.raises(EvaluationError, match="for no reason"):
        recipe(waive=(("static", " "),))


def test_a_variant_of_another_source_has_its_version() -> None:
    first = debian("z/zlib/zlib_1.3.orig.tar.gz", "0" * 64)
    second = debian("z/zlib/zlib_1.4.orig.tar.gz", "1" * 64)
    made = variant(recipe(), source=first, name="", version="")
    assert made.label == "zlib-1.3"
    assert variant(made, source=second).label == "zlib-1.4"
    assert variant(variant(made, name="small"), source=second).label == "small-1.4"


@pytest.mark.parametrize(
    ("path", "name", "version"),
    [
        ("z/zlib/zlib_1.3.dfsg+really1.3.1.orig.tar.gz", "zlib", "1.3.1"),
        ("g/gmp/gmp_6.3.0+dfsg.orig.tar.xz", "gmp", "6.3.0"),
        ("libf/libffi/libffi_3.4.8.orig.tar.gz", "libffi", "3.4.8"),
        ("c/cgit/cgit_1.2.3+git20240802.orig-git.tar.xz", "cgit-git", "1.2.3+git20240802"),
        ("w/whois/whois_5.6.2.tar.xz", "whois", "5.6.2"),
        ("n/ncurses/ncurses_6.5+20250216.orig.tar.gz", "ncurses", "6.5+20250216"),
        ("m/musl/musl-dev_1.2.3-1_amd64.deb", "musl-dev", "1.2.3-1"),
        ("n/nasm/nasm_2.16.03~ds1.orig.tar.xz", "nasm", "2.16.03"),
    ],
)
def test_a_file_of_the_pool_says_name_and_version(path: str, name: str, version: str) -> None:
    made = debian(path, "0" * 64)
    assert (made.name, made.version) == (name, version)


@pytest.mark.parametrize(
    "path", ["a/a/a_1.debian.tar.xz", "a/a/a_1.dsc", "a/a/a-1.tar.xz", "a/a/a_1.original.tar.xz"]
)
def test_only_source_archives_of_the_pool_are_sources(path: str) -> None:
    with pytest.raises(EvaluationError, match="upstream"):
        debian(path, "0" * 64)


@pytest.mark.parametrize(
    "make",
    [
        lambda: url("a-1.tar.gz", "0" * 64, name="a", version="1"),
        lambda: url("ftp://e/a-1.tar.gz", "0" * 64, name="a", version="1"),
        lambda: url("/srv/a-1.tar.gz", "0" * 64, name="a", version="1"),
        lambda: debian("../../a_1.orig.tar.gz", "0" * 64),
        lambda: debian("/a/a/a_1.orig.tar.gz", "0" * 64),
        lambda: debian_patches("a_1.debian.tar.xz\n", "0" * 64, "a.patch"),
        lambda: pypi("a/b-1.tar.gz", "0" * 64),
    ],
)
def test_a_source_that_could_not_be_fetched_is_refused_at_once(make: Callable[[], Any]) -> None:
    with pytest.raises(InvalidName, match="is not a locator") as caught:
        make()
    assert "the form is" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("https://e.org/a-1.tgz", "a-1.tgz"),
        ("https://e.org/a-1.tgz?token=hush", "a-1.tgz"),
        ("https://e.org/a-1.tgz?from=x/hush", "a-1.tgz"),
        ("https://e.org/a-1.tgz;key=hush#hush", "a-1.tgz"),
        ("https://e.org/get/?file=hush", "a-1"),
        ("https://e.org/a%20b.tgz?x", "a-1"),
        ("https://e.org/.hush", "a-1"),
    ],
)
def test_the_name_of_an_addresses_file_has_no_secret(address: str, file: str) -> None:
    source = url(address, "0" * 64, name="a", version="1").source
    assert (source.name, source.locators) == (file, (address,))


def test_the_letters_of_a_scheme_make_no_other_derivation() -> None:
    made = [
        url(f"{scheme}://e.org/A-1.tgz", "0" * 64, name="a", version="1")
        for scheme in ("https", "HTTPS", "Https")
    ]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("name", ["a=b", "a?b", "", "-a", ".a", "a b", "é"])
def test_a_source_has_a_name_that_a_package_can_have(name: str) -> None:
    with pytest.raises(EvaluationError, match="cannot name a source"):
        url("https://e.org/a-1.tar.gz", "0" * 64, name=name, version="1")


def test_an_archive_of_pypi_says_name_and_version() -> None:
    made = pypi("Flit_Core-3.12.0.tar.gz", "0" * 64)
    assert (made.name, made.version) == ("flit-core", "3.12.0")
    with pytest.raises(EvaluationError, match="no source archive"):
        pypi("flit_core-3.12.0-py3-none-any.whl", "0" * 64)


def test_patches_of_debian_are_named() -> None:
    made = debian_patches("n/nginx/nginx_1.26.3-3+deb13u1.debian.tar.xz", "0" * 64, "a.patch")
    assert made.archive.options == ("strip=1", "include=patches/a.patch")
    backport = debian_patches("g/gzip/gzip_1.13-1~deb13u1.debian.tar.xz", "0" * 64, "a.patch")
    assert backport.archive.derivation().name == "gzip-debian-source-1.13-1-deb13u1"
    with pytest.raises(EvaluationError, match="by their names"):
        debian_patches("n/nginx/nginx_1.26.3-3+deb13u1.debian.tar.xz", "0" * 64)


@pytest.mark.parametrize("name", ["", "../a", "/a", "a b", 'a"', "$(x)", "a/", "a" * 300, "-a"])
def test_a_patch_of_debian_is_a_file_of_its_archive(name: str) -> None:
    file = "n/nginx/nginx_1.26.3-3+deb13u1.debian.tar.xz"
    with pytest.raises(EvaluationError, match="cannot name a patch"):
        debian_patches(file, "0" * 64, name)
    with pytest.raises(EvaluationError, match=r"'a\.patch' is named twice"):
        debian_patches(file, "0" * 64, "a.patch", "a.patch")


@pytest.mark.parametrize("option", ["", "strip=x", "strip=-1", "bogus=1", "strip", "move=a"])
def test_an_option_that_unpacks_nothing_is_refused(option: str) -> None:
    with pytest.raises(EvaluationError, match="nothing is unpacked by the option") as caught:
        url("https://e/a.tgz", "0" * 64, name="a", version="1", options=(option,))
    assert "strip=N" in (caught.value.hint or "")


def test_options_that_unpack_something_pass() -> None:
    options = ("strip=2", "include=a/*.c", "exclude=b", "move=a:b", "link=c:../d", "nested=e.tar")
    made = url("https://e/a.tgz", "0" * 64, name="a", version="1", options=options)
    assert set(UnpackOptions.parse(options).args()) == set(made.options)
    with pytest.raises(EvaluationError, match="strip stands twice"):
        url("https://e/a.tgz", "0" * 64, name="a", version="1", options=("strip=1", "strip=2"))


@pytest.mark.parametrize("name", ["", "A B", "1A", "A=B", "A;B", "\xc4"])
def test_a_variable_has_a_name(name: str) -> None:
    with pytest.raises(EvaluationError, match="cannot name an environment variable"):
        recipe(env=((name, "x"),))
    with pytest.raises(EvaluationError, match="cannot name an environment variable"):
        configure(env={name: "x"})
    with pytest.raises(EvaluationError, match="a quotation mark"):
        configure(env={"CFLAGS": "-DX='y'"})


def test_a_phase_does_something() -> None:
    with pytest.raises(EvaluationError, match="phase 'install' has no command line"):
        phase("install")


def test_a_phase_stands_once() -> None:
    with pytest.raises(EvaluationError, match="the phase 'build' twice"):
        phases(phase("build", "a"), phase("build", "b"))


def test_the_form_of_a_hash_is_said() -> None:
    with pytest.raises(FormatError, match="not a SHA-256") as caught:
        url("https://e/a.tgz", "A" * 64, name="a", version="1")
    assert "0-9 a-f" in (caught.value.hint or "")


def test_autotools_name_build_and_host() -> None:
    line = autotools("--some-option").phases[0].lines[0]
    assert "--build=x86_64-linux-musl --host=x86_64-linux-musl" in line
    assert line.endswith(" --some-option")


def test_a_script_that_is_made_first_needs_its_tools() -> None:
    made = autotools(reconf=True)
    assert made.phases[0].lines[-2:] == ("cd /build/src", "autoreconf -fi")
    assert {"autoconf", "automake", "libtool", "perl"} <= set(made.tools)
    assert made.in_tree


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"programs": ("../x",)}, "in programs '../x'"),
        ({"programs": ('a"b',)}, "in programs"),
        ({"licences": ("../../etc/passwd",)}, "in licences '../../etc/passwd'"),
        ({"licences": ("/etc/passwd",)}, "in licences"),
        ({"licences": ("",)}, "in licences"),
        ({"licences": ("a/COPYING", "b/COPYING/")}, "twice in licences: COPYING"),
        ({"licence": "(" * 999}, f"has the licence '{'(' * 79}…, no SPDX expression"),
        ({"files": (("build.sh", "true"),)}, "in files 'build.sh'"),
        ({"files": (("patches/a.patch", ""),)}, "in files"),
        ({"files": (("src", ""),)}, "in files"),
        ({"files": (("obj/a", ""),)}, "in files"),
        ({"outputs": ()}, "not out as its first output"),
        ({"outputs": ("lib", "out")}, "not out as its first output"),
        ({"patches": ("a.patch", "a.patch")}, "twice in patches: a.patch"),
        ({"env": (("PATH", "/bin"),)}, "in env 'PATH', which its tools make"),
        ({"build": data("cp a b")}, "no source, and is built in a source's tree"),
        ({"build": makefile()}, "no source, and is built in a source's tree"),
        ({"build": phases(phase("a", 'cp "$source/x" .'))}, "no source, and is built"),
        ({"description": "two\nlines"}, "description that is not one line of text"),
        ({"homepage": "https://e/\x1b[31m"}, "homepage that is not one line of text"),
        ({"homepage": "example.org"}, "has the homepage 'example.org', no address"),
        ({"homepage": "https:///page"}, "has the homepage 'https:///page'"),
        ({"homepage": "https://e.org/two words"}, "no address"),
        ({"homepage": "ftp://e.org/"}, "no address"),
        ({"homepage": "javascript:alert(1)"}, "no address"),
        ({"homepage": "https://me:secret@e.org/"}, "no address"),
        ({"licence": "GPL version 2"}, "has the licence 'GPL version 2', no SPDX expression"),
        ({"licence": "MIT/X11"}, "no SPDX expression"),
        ({"licence": "MIT AND"}, "no SPDX expression"),
        ({"licence": "(MIT OR ISC"}, "no SPDX expression"),
        ({"licence": "MIT) OR (ISC"}, "no SPDX expression"),
        ({"licence": "MIT or ISC"}, "no SPDX expression"),
        ({"licence": "MIT, ISC"}, "no SPDX expression"),
    ],
)
def test_a_field_that_a_build_could_not_use_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(words)):
        recipe(**fields)


@pytest.mark.parametrize(
    "licence",
    ["MIT", "(MIT OR ISC) AND Zlib", "GPL-3.0-or-later WITH GCC-exception-3.1", "LicenseRef-Own"],
)
def test_an_expression_of_licences_passes(licence: str) -> None:
    assert recipe(licence=licence).licence == licence


def test_files_beside_a_recipe_are_texts_for_its_build(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int a;\n")
    assert texts(str(tmp_path / "recipe.py"), "a.c") == (("a.c", "int a;\n"),)


def test_the_project_is_a_source_with_the_hash_of_its_archive() -> None:
    made = project("fixpoint", "1")
    (locator,) = made.source.locators
    assert (made.name, made.version, made.source.name) == ("fixpoint", "1", "fixpoint-1.tar")
    assert made.source.sha256 == hashlib.sha256(archive_of(locator)).hexdigest()
