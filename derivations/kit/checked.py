"""Fields and arguments that are of the types written beside them: a recipe is written by hand, and
a text in the place of a tuple would pass as its letters."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType, NoneType, UnionType
from typing import Any, Final, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from store.errors import EvaluationError

C = TypeVar("C", bound=Callable[..., object])

_KIT: Final = __name__.rpartition(".")[0] + "."
LONGEST: Final = 80
"""Characters of a value that a message repeats."""

_PASSED: Final = ("dataclasses", "functools")
_WORDS: Final = {
    str: ("a text", "texts"),
    int: ("a whole number", "whole numbers"),
    bool: ("True or False", "True or False"),
    NoneType: ("None", "None"),
}
_Given: TypeAlias = dict[str, object]
_Fault: TypeAlias = tuple[str, str | None]
"""A fault in words, and a hint."""

_VAR_POSITIONAL: Final = 0x04
_VAR_KEYWORD: Final = 0x08
"""Marks of code that takes any number of arguments (``inspect.CO_VARARGS``, ``CO_VARKEYWORDS``):
recipes cannot import ``inspect``."""


@dataclass(frozen=True, kw_only=True)
class _Parameters:
    """The parameters of a function: names in their order, those that have no default, and types."""

    positional: tuple[str, ...]
    named: tuple[str, ...]
    needed: frozenset[str]
    rest: str
    """The name of the one that takes all further arguments; empty where none does."""
    others: bool
    """True if there may be arguments of other names, which are not checked."""
    types: dict[str, Any]
    tests: dict[str, Callable[[object], bool]]
    """For each name, whether a value is of its type."""


def checked(made: C) -> C:
    """Decorate a class of values, or a function that makes one: each call first compares what it is
    given with the annotations.

    EvaluationError names the field, its value, the type that it should have, and file and line of
    the recipe.
    """
    if not isinstance(made, type):

        @functools.wraps(made)
        def call(*args: object, **kwargs: object) -> object:
            _compare(made.__name__, made, args, kwargs)
            return made(*args, **kwargs)

        return cast("C", call)
    original: Callable[..., None] = made.__init__  # type: ignore[misc]

    @functools.wraps(original)
    def init(self: object, *args: object, **kwargs: object) -> None:
        _compare(made.__name__, original, (self, *args), kwargs)
        original(self, *args, **kwargs)

    made.__init__ = init  # type: ignore[misc]
    return made


def place() -> tuple[str, int]:
    """Return file and line where a value is made: the innermost frame that is not of the kit, or
    the caller's when all are."""
    frame = first = sys._getframe(1)
    while frame.f_back is not None and _passed(str(frame.f_globals.get("__name__"))):
        frame = frame.f_back
    if _passed(str(frame.f_globals.get("__name__"))):
        frame = first
    return frame.f_code.co_filename, frame.f_lineno


def _passed(module: str) -> bool:
    return module.startswith(_KIT) or module in _PASSED


@functools.cache
def _parameters(function: FunctionType) -> _Parameters:
    code, defaults = function.__code__, function.__defaults__ or ()
    count, both = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    positional, named = code.co_varnames[:count], code.co_varnames[count:both]
    needed = {*positional[: count - len(defaults)], *named} - {*(function.__kwdefaults__ or ())}
    rest = code.co_varnames[both] if code.co_flags & _VAR_POSITIONAL else ""
    others = bool(code.co_flags & _VAR_KEYWORD)
    types = get_type_hints(function)
    return _Parameters(
        positional=positional,
        named=named,
        needed=frozenset(needed),
        rest=rest,
        others=others,
        types=types,
        tests={name: _test(types.get(name, Any)) for name in (*positional, *named, rest)},
    )


def _compare(
    name: str, function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    parameters = _parameters(function)
    if _fits(parameters, args, kwargs):
        return
    given = dict(zip(parameters.positional, args, strict=False)) | kwargs
    wrong = _unfit(parameters, args, kwargs, given)
    for key, value in () if wrong else given.items():
        wrong = wrong or _wrong(value, parameters.types.get(key, Any), key)
    for at, value in enumerate(args[len(parameters.positional) :]):
        expected = parameters.types.get(parameters.rest, Any)
        wrong = wrong or _wrong(value, expected, f"{parameters.rest}[{at}]")
    if wrong:
        raise _error(name, given, *wrong)


def _fits(parameters: _Parameters, args: tuple[object, ...], kwargs: dict[str, object]) -> bool:
    """Return whether all is right, fast: nearly all that is ever made is."""
    tests, positional, rest = parameters.tests, parameters.positional, parameters.rest
    given = positional[: len(args)]
    for name, value in zip(given, args, strict=False):
        if not tests[name](value):
            return False
    if len(args) > len(given) and not (rest and all(map(tests[rest], args[len(given) :]))):
        return False
    for name, value in kwargs.items():
        if name == rest or name in given or name not in tests or not tests[name](value):
            return False
    return parameters.needed.issubset((*given, *kwargs))


@functools.cache
def _test(expected: Any) -> Callable[[object], bool]:
    """Return a function that says what ``_wrong`` does, and nothing of where and why."""
    kind, parts = get_origin(expected) or expected, get_args(expected)
    if kind is Any:
        return lambda value: True
    if kind in (Union, UnionType):
        tests = [_test(part) for part in parts]
        return lambda value: any(test(value) for test in tests)
    if kind is str:
        return lambda value: isinstance(value, str) and (value.isascii() or _encodes(value))
    if kind is tuple and parts[-1] is Ellipsis:
        each = _test(parts[0])
        return lambda value: isinstance(value, tuple) and all(map(each, value))
    if kind is tuple:
        every = [_test(part) for part in parts]
        return lambda value: (
            isinstance(value, tuple)
            and len(value) == len(every)
            and all(test(part) for test, part in zip(every, value, strict=True))
        )
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return lambda value: _wrong(value, expected, "") is None
    return lambda value: _is(value, kind)


def _unfit(
    parameters: _Parameters, args: tuple[object, ...], kwargs: dict[str, object], given: _Given
) -> _Fault | None:
    """Return the fault in the names and the number of arguments."""
    known = [name for name in (*parameters.positional, *parameters.named) if name != "self"]
    most = sum(name in known for name in parameters.positional)
    for name in () if parameters.others else kwargs:
        if name not in known:
            from difflib import get_close_matches  # not where nothing is wrong

            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            return f"there is no {written(name)}", hint
    if len(args) > len(parameters.positional) and not parameters.rest:
        return f"at most {most} values are given without their names", None
    missing = [name for name in known if name in parameters.needed and name not in given]
    twice = [name for name in parameters.positional[: len(args)] if name in kwargs]
    if missing or twice:
        return (f"lacks {', '.join(missing)}" if missing else f"{twice[0]} is given twice"), None
    return None


def _error(name: str, given: _Given, message: str, hint: str | None) -> EvaluationError:
    own = given.get("name")
    shown = f"{name}(name={written(own)})" if isinstance(own, str) else f"{name}()"
    file, line = place()
    return EvaluationError(f"{shown}: {message}", file=file, line=line, hint=hint)


def _wrong(value: object, expected: Any, where: str) -> _Fault | None:
    """Return the fault of a value, innermost first, and a hint; None if nothing is."""
    kind, parts = get_origin(expected) or expected, get_args(expected)
    if kind is Any:
        return None
    if kind in (Union, UnionType):
        if any(_wrong(value, part, where) is None for part in parts):
            return None
        nested = [part for part in parts if _is(value, get_origin(part) or part)]
        return _wrong(value, nested[0], where) if nested else _no(value, expected, where)
    if not _is(value, kind):
        return _no(value, expected, where)
    if kind is str and not _encodes(cast("str", value)):
        return f"{where} has a character that is no part of a text", None
    if kind is tuple and isinstance(value, tuple):
        return _wrong_tuple(value, parts, expected, where)
    if issubclass(kind, Mapping) and isinstance(value, Mapping) and parts:
        keys = (_wrong(key, parts[0], f"a key of {where}") for key in value)
        values = (_wrong(each, parts[1], f"{where}[{written(key)}]") for key, each in value.items())
        return next((each for each in (*keys, *values) if each is not None), None)
    return None


def _wrong_tuple(
    value: tuple[object, ...], parts: tuple[Any, ...], expected: Any, where: str
) -> _Fault | None:
    if parts[-1] is Ellipsis:
        parts = parts[:1] * len(value)
    elif len(parts) != len(value):
        return f"{where} has {len(value)} values, and should be {_name(expected)}", None
    for at, (each, part) in enumerate(zip(value, parts, strict=True)):
        wrong = _wrong(each, part, f"{where}[{at}]")
        if wrong is not None:
            return wrong
    return None


def _is(value: object, kind: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no(value: object, expected: Any, where: str) -> _Fault:
    return f"{where} is {_shown(value)}, and should be {_name(expected)}", _hint(value, expected)


def _hint(value: object, expected: Any) -> str | None:
    parts = get_args(expected)
    if get_origin(expected) is not tuple:
        return None
    if isinstance(value, list | set | frozenset):
        return "write it between parentheses: a value of a recipe never changes"
    if parts[-1] is Ellipsis and _wrong(value, parts[0], "") is None:
        one = written(value) if isinstance(value, str | int) else f"{type(value).__name__}(…)"
        return f"write ({one},): the comma makes it a tuple"
    return None


def written(value: object) -> str:
    """Return a text, a number or None as Python writes it, cut if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a very large number"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _shown(value: object) -> str:
    if isinstance(value, str | bytes | int | float | NoneType):
        return written(value)
    name = "class " + value.__name__ if isinstance(value, type) else type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' else 'a'} {name}"


def _name(expected: Any, at: int = 0) -> str:
    """Return a type in words; of several values where ``at`` is 1."""
    kind, parts = get_origin(expected) or expected, get_args(expected)
    if kind in (Union, UnionType):
        return " or ".join(_name(part, at) for part in parts)
    if kind is tuple and parts[-1] is Ellipsis:
        return f"{('a tuple', 'tuples')[at]} of {_name(parts[0], 1)}"
    if kind is tuple:
        return f"{('a tuple', 'tuples')[at]} ({', '.join(_name(part) for part in parts)})"
    if kind in _WORDS:
        return _WORDS[kind][at]
    if issubclass(kind, Mapping):
        return f"{('a mapping', 'mappings')[at]} of {_name(parts[0], 1)} to {_name(parts[1], 1)}"
    return f"values {kind.__name__}" if at else f"a value {kind.__name__}"
