"""Packages of the world: found by name, built from one view, checked by other derivations."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from spdx_tools.common.spdx_licensing import spdx_licensing

from derivations.kit import (
    CatalogueBuilder,
    Groups,
    PackageSet,
    Recipe,
    Stage,
    World,
    debian_patches,
    phase,
    phases,
    url,
    variant,
)
from store.errors import Cycle, EvaluationError, UnfilledRole
from store.model.catalogue import Catalogue
from store.model.derivation import Derivation, Ref, Source
from store.model.identity import scratch_path
from store.recipes.evaluate import evaluate

TREE = Path(__file__).parents[3]
ROOT = Source("root", "0" * 64, ("https://example.org/root",))
COMPILER = Source("compiler", "1" * 64, ("https://example.org/compiler",))
TOOLS: dict[str, tuple[Ref, ...]] = {
    "cc": (COMPILER.ref(),),
    **dict.fromkeys(("awk", "coreutils", "diffutils", "findutils", "grep", "sed", "sh"), ()),
    "patch": (),
    "perl": (),
}

PLAIN = Recipe(
    name="package",
    version="1",
    description="A package",
    licence="MIT",
    homepage="https://example.org/",
    build=phases(phase("install", 'mkdir "$out"'), tools=("cc",)),
)


class Given(Groups):
    """Recipes by role, without their files."""

    def __init__(self, recipes: dict[str, Recipe], patches: dict[str, str] | None = None) -> None:
        self._group = dict.fromkeys(recipes, "libs")
        self._recipes = dict(recipes)
        self._patches = patches or {}
        self._folder = Path("recipes")

    def patch(self, name: str) -> str:
        return self._patches[name]


class Made:
    """A world of some recipes; ``pkgconf`` is always there."""

    def __init__(self, patches: dict[str, str] | None = None, /, **recipes: Recipe) -> None:
        named = {name.replace("_", "-"): recipe for name, recipe in recipes.items()}
        self.graph = CatalogueBuilder()
        stage = Stage("world", ROOT.ref(), TOOLS, {})
        below = PackageSet(stage, self.graph)
        everything = {"pkgconf": variant(PLAIN, name="pkgconf"), **named}
        self.world = World(self.graph, stage, below, Given(everything, patches))

    def __getitem__(self, role: str) -> Derivation:
        return self.node(self.world[role])

    def node(self, ref: Ref) -> Derivation:
        found = self.graph.nodes[ref.node]
        assert isinstance(found, Derivation)
        return found

    def script(self, role: str) -> str:
        return dict(self[role].files)["build.sh"]

    def published(self) -> Catalogue:
        self.world.publish()
        return self.graph.catalogue()

    def check(self, role: str) -> str:
        catalogue = self.published()
        node = catalogue.nodes[catalogue.packages[f"{role}.check"].node]
        assert isinstance(node, Derivation)
        return dict(node.files)["build.sh"]


def test_a_script_is_a_file() -> None:
    made = Made(package=PLAIN)["package"]
    assert (made.builder, made.args) == ("/bin/sh", ("-eu", "/build/build.sh"))
    assert "echo '@phase install'\ncd /build/obj\nmkdir \"$out\"\n" in dict(made.files)["build.sh"]


def test_all_libraries_are_seen_in_one_tree() -> None:
    low = variant(PLAIN, name="low")
    high = variant(PLAIN, name="high", needs=("low",))
    made = Made(low=low, high=high, package=variant(PLAIN, needs=("high",)))
    script, world = made.script("package"), made.world
    assert f"for need in {world['high']} {world['low']}\n" in script
    assert "/build/needs" not in made.script("low")
    env = dict(made["package"].env)
    assert env["C_INCLUDE_PATH"] == "/build/needs/include"
    assert not [key for key, value in env.items() if str(world["low"]) in value]
    assert str(world["pkgconf"]) in env["PATH"]


def test_a_tool_of_the_world_comes_onto_the_path_first() -> None:
    made = Made(tool=variant(PLAIN, name="tool"), package=variant(PLAIN, tools=("tool",)))
    path = dict(made["package"].env)["PATH"]
    assert path == f"{made.world['tool']}/bin:{COMPILER.ref()}/bin:/bin"


def test_a_role_that_nobody_fills_is_named_with_its_user() -> None:
    with pytest.raises(UnfilledRole, match=r"package needs the role 'nothing'"):
        Made(package=variant(PLAIN, needs=("nothing",)))["package"]


def test_packages_that_need_each_other_are_shown_as_a_chain() -> None:
    made = Made(
        first=variant(PLAIN, name="first", needs=("second",)),
        second=variant(PLAIN, name="second", runs=("first",)),
    )
    with pytest.raises(Cycle) as caught:
        made["first"]
    assert caught.value.chain == ("first", "second", "first")


def test_patches_are_files_and_fit_without_a_guess() -> None:
    theirs = debian_patches("n/nginx/nginx_1-3.debian.tar.xz", "2" * 64, "CVE.patch")
    made = Made(
        {"fix.patch": "Why\n--- a\n"}, package=variant(PLAIN, patches=("fix.patch", theirs))
    )
    assert dict(made["package"].files)["patches/fix.patch"] == "Why\n--- a\n"
    lines = [line for line in made.script("package").splitlines() if line.startswith("patch ")]
    assert lines == [
        "patch -d /build/src -p1 -F0 --no-backup-if-mismatch -i /build/patches/fix.patch",
        "patch -d /build/src -p1 -F0 --no-backup-if-mismatch"
        ' -i "$nginx_debian_source/patches/CVE.patch"',
    ]


def test_a_source_with_a_dot_in_its_name_has_one_variable() -> None:
    theirs = debian_patches("p/python3.13/python3.13_1-2.debian.tar.xz", "2" * 64, "CVE.patch")
    made = Made(package=variant(PLAIN, patches=(theirs,)))
    script = made.script("package")
    assert "\npython3_13_debian_source=/store/" in script
    assert '-i "$python3_13_debian_source/patches/CVE.patch"' in script


def test_a_variable_does_not_begin_with_a_digit() -> None:
    source = url("https://example.org/7z.tar.gz", "2" * 64, name="7z", version="1")
    tool = variant(PLAIN, name="7zip")
    script = Made(**{"package": variant(PLAIN, source=source, runs=("7zip",)), "7zip": tool})
    assert "\np7z_source=/store/" in script.script("package")
    assert "\np7zip=/store/" in script.script("package")


def test_other_outputs_have_variables() -> None:
    made = Made(package=variant(PLAIN, outputs=("out", "doc")))
    assert made["package"].outputs == ("out", "doc")
    assert f"\ndoc={scratch_path('package-1', 'doc')}\n" in made.script("package")


def test_each_output_is_checked_and_may_refer_to_the_others() -> None:
    made = Made(package=variant(PLAIN, outputs=("out", "doc")))
    check, doc = made.check("package"), made["package"].ref("doc")
    assert f"\ndoc={doc}\n" in check
    assert f'echo "{doc}" >> allowed' in check
    assert check.index(f"\nout={doc}\n") < check.index("@phase references-doc")
    assert "@phase static-doc" in check
    assert "licenses" not in check.partition(f"\nout={doc}\n")[2]


def test_a_check_is_no_part_of_the_package() -> None:
    plain = Made(package=PLAIN)
    strict = Made(package=variant(PLAIN, check=("true",), programs=("tool -V",)))
    assert plain["package"] == strict["package"]
    assert plain.check("package") != strict.check("package")


def test_a_check_asks_each_program_for_its_version() -> None:
    made = Made(package=variant(PLAIN, programs=("one -V", "two"), waive=(("version two", "no"),)))
    check = made.check("package")
    assert '"$out/bin/one" -V > said' in check
    assert 'test -x "$out/bin/two"' in check
    assert '"$out/bin/two" --version' not in check


@pytest.mark.parametrize("waived", ["static", "paths", "scripts", "references"])
def test_a_waived_check_is_left_out(waived: str) -> None:
    whole = Made(package=PLAIN).check("package")
    less = Made(package=variant(PLAIN, waive=((waived, "for a reason"),))).check("package")
    assert f"@phase {waived}" in whole
    assert f"@phase {waived}" not in less


@pytest.mark.parametrize(
    "waived",
    ["everything", "version other", "static one", "static ", "pc ", "version ", "pc *", "pc a b"],
)
def test_a_check_that_there_is_not_cannot_be_waived(waived: str) -> None:
    made = Made(package=variant(PLAIN, waive=((waived, "for a reason"),)))
    with pytest.raises(EvaluationError, match="waives"):
        made.check("package")


def test_a_waiver_is_in_the_output_of_the_check_alone() -> None:
    waived = Made(package=variant(PLAIN, waive=(("version", "it's  'none'"),)))
    line = "printf '%s\\t%s\\n' version 'it'\"'\"'s '\"'\"'none'\"'\"'' >> \"$result/waived\""
    assert line in waived.check("package")
    plain = Made(package=PLAIN)
    assert waived["package"] == plain["package"]
    assert "waived" not in plain.check("package")


def test_upstreams_tests_run_in_the_built_tree_and_not_in_the_package() -> None:
    steps = (phase("build", "make"), phase("install", "make install"))
    built = variant(PLAIN, build=phases(*steps, tools=("cc",)), files=(("a", "b"),))
    recipe = variant(built, upstream=("make check",), outputs=("out", "doc"))
    made = Made(package=recipe)
    catalogue = made.published()
    assert "pkgconf.upstream" not in catalogue.packages
    package = catalogue.packages["package.upstream"]
    node = catalogue.nodes[package.node]
    assert isinstance(node, Derivation)
    assert (package.group, package.version, node.name) == ("checks", "1", "package-1-upstream")
    script = dict(node.files)["build.sh"]
    assert [line for line in script.splitlines() if "@phase" in line] == [
        f"echo '@phase {name}'" for name in ("build", "upstream", "result")
    ]
    assert "\nmake check\n" in script
    assert "make install" not in script
    out, doc = (made["package"].ref(name) for name in ("out", "doc"))
    assert f"\nout={out}\n" in script
    assert f"\ndoc={doc}\n" in script
    assert {out, doc} <= {*node.inputs}
    assert node.outputs == ("out",)
    assert dict(node.files)["a"] == "b"
    assert catalogue.barriers_of(package.node)
    assert Made(package=variant(recipe, upstream=()))["package"] == made["package"]


def test_tools_of_upstreams_tests_are_none_of_the_package() -> None:
    tool = variant(PLAIN, name="tool")
    with pytest.raises(EvaluationError, match="for no tests"):
        variant(PLAIN, upstream_tools=("tool",))
    with pytest.raises(EvaluationError, match="names twice in tools"):
        variant(PLAIN, upstream=("x",), tools=("tool",), upstream_tools=("tool",))
    tested = variant(PLAIN, upstream=("make check",))
    made = Made(tool=tool, package=variant(tested, upstream_tools=("tool",)))
    catalogue = made.published()
    node = catalogue.nodes[catalogue.packages["package.upstream"].node]
    assert isinstance(node, Derivation)
    assert f"{made.world['tool']}/bin" in dict(node.env)["PATH"].split(":")
    others = Made(tool=tool, package=tested)
    assert made["package"] == others["package"]
    checks = (each.packages["package.check"].node for each in (catalogue, others.published()))
    assert len(set(checks)) == 1
    with pytest.raises(UnfilledRole, match=r"world\.package needs the role 'nothing'"):
        Made(package=variant(tested, upstream_tools=("nothing",))).published()


def test_only_objects_that_it_runs_may_be_referred_to() -> None:
    made = Made(shell=variant(PLAIN, name="shell"), package=variant(PLAIN, runs=("shell",)))
    check = made.check("package")
    assert f'echo "{made.world["shell"]}" >> allowed' in check


def test_a_script_may_have_an_interpreter_that_it_runs_and_a_space_before_it() -> None:
    made = Made(shell=variant(PLAIN, name="shell"), package=variant(PLAIN, runs=("shell",)))
    shell = made.world["shell"]
    patterns = "'#!/bin/'* | '#! /bin/'* | " + f"'#!{shell}/'* | '#! {shell}/'* | "
    assert patterns in made.check("package")


# -- recipes in folders ---------------------------------------------------------------------------

RECIPE = """\
from derivations.kit import Recipe, phase, phases
{name} = Recipe(name="x", version="1", description="A", licence="MIT", homepage="https://e.org",
    build=phases(phase("install", 'mkdir "$out"')))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "grouped"
    for group in ("libs", "kit", "patches"):
        (place / group).mkdir(parents=True)
    (place / "libs" / "lib_one.py").write_text(RECIPE.format(name="LIB_ONE"))
    (place / "libs" / "wrong.py").write_text(RECIPE.format(name="OTHER"))
    (place / "kit" / "no_recipe.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return place


def test_a_recipe_is_found_by_its_name(folder: Path) -> None:
    groups = Groups("grouped", folder)
    assert list(groups) == ["lib-one", "wrong"]
    assert groups["lib-one"].label == "x-1"
    assert groups.group("lib-one") == "libs"
    with pytest.raises(EvaluationError, match=r"libs/wrong\.py: there is no recipe WRONG"):
        groups["wrong"]


def test_a_name_stands_in_one_group(folder: Path) -> None:
    (folder / "net").mkdir()
    (folder / "net" / "wrong.py").write_text("")
    with pytest.raises(EvaluationError, match="two recipes are called 'wrong'"):
        Groups("grouped", folder)


@pytest.mark.parametrize("name", ["pk-g.py", "Foo.py", "foo.bar.py", "a b.py", "\u00e4.py"])
def test_a_module_that_nobody_could_name_is_refused_with_its_place(folder: Path, name: str) -> None:
    (folder / "libs" / name).write_text("")
    with pytest.raises(EvaluationError, match="cannot be the name of a recipe's module") as caught:
        Groups("grouped", folder)
    assert caught.value.file == str(folder / "libs" / name) and caught.value.hint


@pytest.mark.parametrize("group", ["a.b", "my-group", "two\nlines", "A", "x\udce9"])
def test_a_group_that_nobody_could_name_is_refused_with_its_place(folder: Path, group: str) -> None:
    (folder / group).mkdir()
    assert "wrong" in Groups("grouped", folder), "a folder without recipes is no group"
    (folder / group / "one.py").write_text("")
    with pytest.raises(EvaluationError, match="cannot be the name of a group"):
        Groups("grouped", folder)


def test_a_name_that_begins_with_a_digit_has_a_recipe(folder: Path) -> None:
    (folder / "libs" / "7zip.py").write_text(RECIPE.format(name="P7ZIP"))
    assert Groups("grouped", folder)["7zip"].label == "x-1"


def test_the_text_of_a_patch_is_the_one_in_its_file(folder: Path) -> None:
    (folder / "patches" / "dos.patch").write_bytes(b"Because.\n\n--- a\n+++ b\n-x\r\n+y\r\n")
    assert Groups("grouped", folder).patch("dos.patch").endswith("-x\r\n+y\r\n")
    (folder / "patches" / "old.patch").write_bytes(b"Andr\xe9 wrote it.\n\n--- a\n+++ b\n")
    with pytest.raises(EvaluationError, match="byte 4 is not UTF-8") as caught:
        Groups("grouped", folder).patch("old.patch")
    assert caught.value.file == str(folder / "patches" / "old.patch")


def test_a_missing_patch_leaves_the_file_of_the_error_to_the_recipe(folder: Path) -> None:
    with pytest.raises(EvaluationError, match=r"there is no patch 'none\.patch'") as caught:
        Groups("grouped", folder).patch("none.patch")
    assert caught.value.file is None and "patches/" in (caught.value.hint or "")


def test_an_error_of_a_recipe_that_is_put_together_names_its_file(tmp_path: Path) -> None:
    wrong = {
        "role": variant(PLAIN, needs=("nothing",)),
        "circle": variant(PLAIN, runs=("wrong",)),
        "waiver": variant(PLAIN, waive=(("all", "for a reason"),)),
        "check": variant(PLAIN, check=("true && false",)),
    }
    for recipe in wrong.values():
        with pytest.raises(EvaluationError, match=r"^recipes/libs/wrong\.py: ") as caught:
            Made(wrong=recipe, above=variant(PLAIN, needs=("wrong",))).published()
        assert caught.value.file == "recipes/libs/wrong.py"
    assert type(caught.value) is EvaluationError
    with pytest.raises(UnfilledRole, match=r"^recipes/libs/wrong\.py: world\.wrong needs"):
        Made(wrong=wrong["role"]).published()


MODULE = """\
from derivations.kit import Recipe, phase, phases

WRONG = Recipe(
    name="wrong",
    version="1",
    description="A package",
    licence="MIT",
    homepage="https://example.org/",
    {field},
    build=phases(phase("install", 'mkdir "$out"'), tools=("cc",)),
)
"""


@pytest.mark.parametrize(
    ("field", "words", "line"),
    [
        ("needs=('nothing',)", "9: world.wrong needs the role 'nothing'", 9),
        ('runs=("nothing",)', "9: world.wrong needs the role 'nothing'", 9),
        ("needs=('wrong',)", "9: packages need each other in a cycle: wrong -> wrong", 9),
        ("patches=('none.patch',)", "9: there is no patch 'none.patch'", 9),
        ("waive=(('all', 'a reason'),)", "9: ", 9),
        ("check=('true && false',)", "9: ", 9),
    ],
)
def test_a_recipe_that_cannot_be_put_together_has_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, words: str, line: int
) -> None:
    name = f"lines{abs(hash(field))}"
    (tmp_path / name / "libs").mkdir(parents=True)
    file = tmp_path / name / "libs" / "wrong.py"
    file.write_text(MODULE.format(field=field))
    monkeypatch.syspath_prepend(tmp_path)
    stage = Stage("world", ROOT.ref(), TOOLS, {})
    graph = CatalogueBuilder()
    world = World(graph, stage, PackageSet(stage, graph), Groups(name, tmp_path / name))
    with pytest.raises(EvaluationError) as caught:
        world.publish()
    assert caught.value.message.startswith(f"{file}:{words}")
    assert (caught.value.file, caught.value.line) == (str(file), line)


def test_a_tool_that_is_no_library_is_told_from_a_role_that_nobody_fills() -> None:
    with pytest.raises(UnfilledRole, match="needs the role 'sed'") as caught:
        Made(package=variant(PLAIN, needs=("sed",)))["package"]
    assert "is a tool" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "fields",
    [
        {"outputs": ("out", "source")},
        {"outputs": ("out", "text")},
        {"outputs": ("out", "low"), "runs": ("low",)},
        {"runs": ("out",)},
        {"runs": ("source",)},
        {"extra_sources": (url("https://e/b.tgz", "1" * 64, name="a.b", version="1"),)},
    ],
)
def test_a_variable_that_would_name_two_things_is_refused(fields: dict[str, Any]) -> None:
    source = url("https://e/a.tgz", "0" * 64, name="a-b", version="1")
    others = {name: variant(PLAIN, name=f"its-{name}") for name in ("out", "source", "low")}
    with pytest.raises(EvaluationError, match=r"two things called \$"):
        Made(package=variant(PLAIN, source=source, **fields), **others)["package"]


def test_a_patch_says_its_reason(folder: Path) -> None:
    groups = Groups("grouped", folder)
    (folder / "patches" / "bare.patch").write_text("--- a\n+++ b\n")
    (folder / "patches" / "good.patch").write_text("Because.\n\n--- a\n+++ b\n")
    assert groups.patch("good.patch").startswith("Because")
    with pytest.raises(EvaluationError, match="does not say its reason"):
        groups.patch("bare.patch")
    with pytest.raises(EvaluationError, match="no patch"):
        groups.patch("none.patch")
    (folder / "patches" / "git.patch").write_text("diff --git a b\n--- a\n+++ b\n")
    with pytest.raises(EvaluationError, match="does not say its reason"):
        groups.patch("git.patch")
    for text in ("", "Because.\n"):
        (folder / "patches" / "nothing.patch").write_text(text)
        with pytest.raises(EvaluationError, match=r"nothing\.patch' changes nothing"):
            groups.patch("nothing.patch")
    (folder / "stages.py").write_text("Because.\n\n--- a\n+++ b\n")
    for name in ("../stages.py", "a" * 300, ""):
        with pytest.raises(EvaluationError, match="cannot name a patch"):
            groups.patch(name)


def test_files_that_an_editor_hides_are_no_recipes(folder: Path) -> None:
    (folder / "libs" / ".#lib_one.py").symlink_to("me@machine.1:2")
    (folder / "libs" / ".lib_one.py").write_text("half a")
    assert list(Groups("grouped", folder)) == ["lib-one", "wrong"]


@pytest.mark.parametrize("made", ["folder", "link"])
def test_a_recipe_that_is_no_file_is_named(folder: Path, made: str) -> None:
    file = folder / "libs" / f"no_{made}.py"
    if made == "folder":
        file.mkdir()
    else:
        file.symlink_to("nowhere")
    with pytest.raises(EvaluationError, match="there is no such file") as caught:
        Groups("grouped", folder)[f"no-{made}"]
    assert caught.value.file == str(file)


def test_the_catalogue_names_the_file_that_takes_a_name_of_the_base_set(tmp_path: Path) -> None:
    shutil.copytree(TREE / "bootstrap-seeds", tmp_path / "bootstrap-seeds")
    recipes = tmp_path / "derivations"
    unread = shutil.ignore_patterns("__pycache__", "own", "systems")
    shutil.copytree(TREE / "derivations", recipes, ignore=unread)
    (recipes / "systems").mkdir()
    file = recipes / "cli" / "make.py"
    file.write_text((recipes / "cli" / "pv.py").read_text().replace("PV = ", "MAKE = "))
    with pytest.raises(EvaluationError, match="two packages are named 'make'") as caught:
        evaluate(str(recipes))
    assert caught.value.file == str(file)


# -- the tree's own -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalogue(evaluated: Callable[[str, str], Catalogue]) -> Catalogue:
    return evaluated("derivations", "debian")


def members(catalogue: Catalogue) -> list[str]:
    """The packages of the world, without their checks."""
    names = {*Groups("derivations", TREE / "derivations")}
    assert names <= catalogue.packages.keys()
    return sorted(names)


def test_each_package_of_the_world_has_a_check(catalogue: Catalogue) -> None:
    for name in members(catalogue):
        check = catalogue.packages[f"{name}.check"]
        assert catalogue.packages[name].node in {ref.node for ref in catalogue.inputs(check.node)}


def test_each_licence_is_an_expression_of_ids_of_spdx(catalogue: Catalogue) -> None:
    licences = {package.licence for package in catalogue.packages.values() if package.licence}
    named = {each: re.sub(r"\bLicenseRef-[A-Za-z0-9.-]+", "MIT", each) for each in licences}
    found = {each: spdx_licensing.validate(text).errors for each, text in named.items()}
    assert {each: errors for each, errors in found.items() if errors} == {}


def test_the_world_is_built_without_seeds_and_stages_below_the_last(catalogue: Catalogue) -> None:
    below = {
        package.node: name
        for name, package in catalogue.packages.items()
        if name.startswith(("seed.", "cross.", "stage1.")) and name != "stage1.userland"
    }
    for name in members(catalogue):
        [barrier] = catalogue.barriers_of(catalogue.packages[name].node)
        assert below.keys() <= barrier.forbidden, name
