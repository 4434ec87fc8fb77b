"""A field or an argument of a wrong type is one error with its name, file and line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derivations.kit import (
    Network,
    Recipe,
    Service,
    System,
    User,
    autotools,
    cmake,
    configure,
    data,
    debian,
    debian_patches,
    imports,
    kernel,
    makefile,
    meson,
    perl,
    phase,
    phases,
    pypi,
    python,
    url,
    variant,
)
from derivations.kit.checked import LONGEST, checked
from derivations.kit.system_files import files
from store.errors import EvaluationError
from tests.amounts import example_count

WEB = Service(name="web", run=("exec web",))
USER = User(name="www", number=80)
SYSTEM = System(
    name="box",
    description="A box",
    kernel="linux",
    users=(USER,),
    services=(WEB,),
    files=(("etc/motd", "hello"),),
    network=Network(),
)
RECIPE = Recipe(
    name="package",
    version="1",
    description="A package",
    licence="MIT",
    homepage="https://example.org/",
    build=phases(phase("install", 'mkdir "$out"')),
)


wrongly: Any = SimpleNamespace(
    **{
        each.__name__: each
        for each in (
            autotools,
            cmake,
            configure,
            data,
            debian,
            debian_patches,
            imports,
            kernel,
            makefile,
            meson,
            perl,
            phase,
            phases,
            pypi,
            python,
            url,
            variant,
            dataclasses.replace,
            Service,
            User,
        )
    }
)
"""Makers that tests call with wrong arguments, which a type checker would refuse."""


def refused(call: Callable[[], object]) -> EvaluationError:
    """Return the error of a call, which names this file and a line of it."""
    with pytest.raises(EvaluationError) as caught:
        call()
    assert caught.value.file == __file__
    assert caught.value.line is not None
    assert caught.value.message.startswith(f"{__file__}:{caught.value.line}: ")
    return caught.value


@pytest.mark.parametrize(
    ("made", "fields", "words", "hint"),
    [
        (System, {"services": WEB}, "services is a Service, and should be", "(Service(…),)"),
        (System, {"services": [WEB]}, "services is a list, and should be a tuple", "parentheses"),
        (System, {"services": {"web": WEB}}, "services is a dict", None),
        (System, {"services": "web"}, "services is 'web'", None),
        (System, {"services": ("web",)}, "services[0] is 'web', and should be a value", None),
        (System, {"services": (USER,)}, "services[0] is a User, and should be a value Serv", None),
        (System, {"services": Service}, "services is a class Service", None),
        (System, {"users": USER}, "users is a User, and should be a tuple of values User", "(…),)"),
        (System, {"users": None}, "users is None", None),
        (System, {"packages": "vim"}, "packages is 'vim', and should be a tuple", "('vim',)"),
        (System, {"packages": ("vim", 3)}, "packages[1] is 3, and should be a text", None),
        (System, {"files": ("etc/motd", "hello")}, "files[0] is 'etc/motd', and should be", None),
        (System, {"files": (("etc/motd",),)}, "files[0] has 1 values", None),
        (System, {"files": {"etc/motd": ""}}, "of tuples (a text, a text)", None),
        (System, {"files": (("etc/motd", b""),)}, "files[0][1] is b'', and should be", None),
        (System, {"network": "10.0.2.15/24"}, "network is '10.0.2.15/24', and should be", None),
        (System, {"network": {}}, "network is a dict, and should be a value Network or No", None),
        (System, {"kernel": None}, "kernel is None, and should be a text", None),
        (System, {"time_zone": 0}, "time_zone is 0", None),
        (System, {"hostname": "\ud800"}, "hostname has a character that is no part", None),
        (System, {"service": (WEB,)}, "there is no 'service'", "did you mean services?"),
        (Service, {"ports": 80}, "Service(name='web'): ports is 80", "write (80,)"),
        (Service, {"ports": ("80",)}, "ports[0] is '80', and should be a whole number", None),
        (Service, {"ports": (True,)}, "ports[0] is True, and should be a whole number", None),
        (Service, {"run": "exec web"}, "run is 'exec web', and should be a tuple of texts", "('e"),
        (Service, {"log": 1}, "log is 1, and should be True or False", None),
        (Service, {"user": USER}, "user is a User, and should be a text", None),
        (User, {"number": "80"}, "User(name='www'): number is '80', and should be a whole", None),
        (User, {"number": 8.5}, "number is 8.5", None),
        (User, {"groups": "wheel"}, "groups is 'wheel'", "('wheel',)"),
        (User, {"name": 80}, "User(): name is 80, and should be a text", None),
        (Network, {"nameservers": "10.0.2.3"}, "nameservers is '10.0.2.3'", "('10.0.2.3',)"),
        (Network, {"dns": ()}, "there is no 'dns'", "it has address, gateway, nameservers"),
        (Recipe, {"needs": "zlib"}, "Recipe(name='package'): needs is 'zlib'", "('zlib',)"),
        (Recipe, {"build": phase("install", "x")}, "build is a Phase, and should be a value", None),
        (Recipe, {"build": autotools}, "build is a function, and should be a value Build", None),
        (Recipe, {"source": "zlib_1.orig.tar.xz"}, "should be a value Archive or None", None),
        (Recipe, {"env": {"CC": "cc"}}, "env is a dict", None),
        (Recipe, {"env": (("CC", "cc", ""),)}, "env[0] has 3 values", None),
        (Recipe, {"patches": (7,)}, "patches[0] is 7, and should be a text or a value Deb", None),
        (Recipe, {"waive": ("static", "why")}, "waive[0] is 'static'", None),
        (Recipe, {"seconds": "40"}, "seconds is '40', and should be a whole number", None),
        (Recipe, {"in_tree": "yes"}, "in_tree is 'yes'", None),
        (Recipe, {"licence": ("MIT",)}, "licence is a tuple, and should be a text", None),
        (Recipe, {"license": "MIT"}, "there is no 'license'", "did you mean licence?"),
    ],
)
def test_a_field_of_a_wrong_type_is_named(
    made: type, fields: dict[str, object], words: str, hint: str | None
) -> None:
    sound: Any = {System: SYSTEM, Service: WEB, User: USER, Network: Network(), Recipe: RECIPE}[
        made
    ]
    given = {each.name: getattr(sound, each.name) for each in dataclasses.fields(sound)}
    error = refused(lambda: made(**given | fields))
    assert words in error.message
    assert (error.hint is None) if hint is None else (hint in str(error.hint))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wrongly.autotools("--x", prepare="cd x"), "autotools(): prepare is 'cd x'"),
        (lambda: wrongly.autotools(("--x", "--y")), "options[0] is a tuple, and should be a text"),
        (lambda: wrongly.autotools(reconf="yes"), "reconf is 'yes'"),
        (lambda: wrongly.autotools(reconfigure=True), "there is no 'reconfigure'"),
        (lambda: wrongly.configure(env={"CC": 3}), "env['CC'] is 3, and should be a text"),
        (lambda: wrongly.configure(env="CC=cc"), "should be a mapping of texts to texts or None"),
        (lambda: wrongly.makefile(finish="rm x"), "makefile(): finish is 'rm x'"),
        (lambda: wrongly.cmake(3), "[0] is 3"),
        (lambda: wrongly.meson(None), "[0] is None"),
        (lambda: wrongly.perl(finish="rm x"), "perl(): finish is 'rm x'"),
        (wrongly.python, "python(): lacks backend"),
        (lambda: wrongly.imports(["a"]), "imports(): modules[0] is a list"),
        (lambda: wrongly.kernel("defconfig", install="cp x y"), "install is 'cp x y'"),
        (lambda: wrongly.kernel("defconfig"), "kernel(): lacks install"),
        (lambda: wrongly.data(tools="sh"), "data(): tools is 'sh'"),
        (lambda: wrongly.phase("install", ("a", "b")), "lines[0] is a tuple"),
        (wrongly.phase, "phase(): lacks name"),
        (lambda: wrongly.phases("make"), "steps[0] is 'make', and should be a value Phase"),
        (lambda: wrongly.debian("z/zlib/zlib_1.orig.tar.xz", 5), "sha256 is 5"),
        (lambda: wrongly.debian("a", "b", "c"), "at most 2 values are given"),
        (lambda: wrongly.debian("a", "b", path="c"), "path is given twice"),
        (lambda: wrongly.debian_patches("a", "b", ("c",)), "names[0] is a tuple"),
        (lambda: wrongly.pypi("a-1.tar.gz", "0", options="strip=1"), "options is 'strip=1'"),
        (
            lambda: wrongly.url("https://example.org/a", "0", name="a"),
            "url(name='a'): lacks version",
        ),
        (lambda: wrongly.variant(RECIPE, needs="zlib"), "needs is 'zlib'"),
        (lambda: wrongly.replace(WEB, ports=80), "ports is 80"),
        (lambda: wrongly.Service(name="web"), "Service(name='web'): lacks run"),
        (lambda: wrongly.User("www", 80), "User(): at most 0 values are given without"),
    ],
)
def test_an_argument_of_a_wrong_type_is_named(call: Callable[[], object], words: str) -> None:
    assert words in refused(call).message


def test_a_long_value_is_cut() -> None:
    error = refused(lambda: User(name="u", number="5" * 10_000))  # type: ignore[arg-type]
    assert len(error.message) < len(__file__) + 2 * LONGEST + 60


def test_the_values_of_further_names_are_not_checked() -> None:
    @checked
    def made(first: int, **others: Mapping[str, str]) -> object:
        return first, others

    assert made(1, other=3) == (1, {"other": 3})  # type: ignore[arg-type]


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters(), max_size=8)
    | st.binary(max_size=4)
    | st.sampled_from([WEB, USER, Network(), Network, ..., "web", "etc/motd", "www", "/var/x y"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
        | st.tuples(st.text(max_size=5), st.text(max_size=5))
    ),
    max_leaves=4,
)


@pytest.mark.slow
@given(field=st.sampled_from([each.name for each in dataclasses.fields(System)]), value=ODD)
@settings(max_examples=example_count(400), deadline=None)
def test_a_system_is_refused_with_its_line_or_has_files(field: str, value: object) -> None:
    given = {each.name: getattr(SYSTEM, each.name) for each in dataclasses.fields(SYSTEM)}
    try:
        made = System(**given | {field: value})
    except EvaluationError as error:
        assert error.file == __file__
        assert error.line is not None
    else:
        assert all("\n".join((path, text)).encode() for path, text in files(made).items())


@pytest.mark.slow
@pytest.mark.parametrize("sound", [WEB, USER, Network()], ids=lambda sound: type(sound).__name__)
@given(pick=st.data())
@settings(max_examples=example_count(200), deadline=None)
def test_a_value_of_a_system_is_refused_with_its_line(sound: Any, pick: st.DataObject) -> None:
    field = pick.draw(st.sampled_from([each.name for each in dataclasses.fields(sound)]))
    value = pick.draw(ODD)
    plural = {Service: "services", User: "users", Network: "network"}[type(sound)]
    try:
        made = dataclasses.replace(sound, **{field: value})
        box = wrongly.replace(SYSTEM, **{plural: made if plural == "network" else (made,)})
    except EvaluationError as error:
        assert error.file == __file__
        assert error.line is not None
    else:
        assert all(text.encode() is not None for text in files(box).values())


@pytest.mark.slow
@given(field=st.sampled_from([each.name for each in dataclasses.fields(Recipe)]), value=ODD)
@settings(max_examples=example_count(400), deadline=None)
def test_a_recipe_is_refused_or_of_sound_types(field: str, value: object) -> None:
    try:
        made = variant(RECIPE, **{field: value})
    except Exception as error:
        assert type(error).__module__ == "store.errors", error
    else:
        assert isinstance(made.label, str)
