"""Frozen values, as :func:`dataclasses.dataclass` makes them, for classes that every command loads.

``dataclasses`` takes as long to load as Python takes to start. The values made here are equal,
hashed, shown, pickled and matched in the same way, and ``dataclasses.replace`` and its like take
them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from dataclasses import Field
    from functools import cached_property

T = TypeVar("T")

if TYPE_CHECKING:
    computed_property = cached_property
else:

    class computed_property:  # noqa: N801 - a decorator
        """A property that is computed once of each value: as ``functools.cached_property``, but
        without its lock, which Python 3.11 takes each time."""

        def __init__(self, compute: Callable[[Any], Any]) -> None:
            self._compute = compute
            self._name = compute.__name__
            self.__doc__ = compute.__doc__

        def __get__(self, value: Any, owner: object = None) -> Any:
            if value is None:
                return self
            found = value.__dict__[self._name] = self._compute(value)
            return found


@dataclass_transform(frozen_default=True)
def frozen(*, order: bool = False, apart: Collection[str] = ()) -> Callable[[type[T]], type[T]]:
    """Return a decorator that makes a class one of frozen values, which are equal if their fields
    are, but for those named ``apart``. With ``order``, they are compared field by field."""

    def make(cls: type[T]) -> type[T]:
        names = tuple(cls.__annotations__)
        compared = tuple(name for name in names if name not in apart)
        methods: dict[str, object] = {
            "__init__": _constructor(cls, names),
            "__repr__": _representation(names),
            "__setattr__": _refuse,
            "__delattr__": _refuse,
            "__match_args__": names,
            "__dataclass_fields__": _Fields(compared),
            **_comparisons(cls, attrgetter(*compared), order),
        }
        for name, method in methods.items():
            setattr(cls, name, method)
        return cls

    return make


def _constructor(cls: type, names: Collection[str]) -> Any:
    """Return ``__init__`` with a parameter for each name, its default the class's attribute."""
    given = [f"{name}=_cls.{name}" if name in vars(cls) else name for name in names]
    stored = "".join(f" fields['{name}'] = {name}\n" for name in names)
    checked = " self.__post_init__()\n" if hasattr(cls, "__post_init__") else ""
    text = f"def __init__(self, {', '.join(given)}):\n fields = self.__dict__\n{stored}{checked}"
    made: dict[str, Any] = {"_cls": cls}
    exec(text, made)  # noqa: S102 - of names in our own source
    made["__init__"].__annotations__ = {**cls.__annotations__, "return": None}
    return made["__init__"]


def _comparisons(cls: type, key: Callable[[Any], Any], order: bool) -> dict[str, object]:
    def equal(self: Any, other: Any) -> bool:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def less(self: Any, other: Any) -> bool:
        return key(self) < key(other) if type(other) is type(self) else NotImplemented

    def greater(self: Any, other: Any) -> bool:
        return key(self) > key(other) if type(other) is type(self) else NotImplemented

    def at_most(self: Any, other: Any) -> bool:
        return key(self) <= key(other) if type(other) is type(self) else NotImplemented

    def at_least(self: Any, other: Any) -> bool:
        return key(self) >= key(other) if type(other) is type(self) else NotImplemented

    made: dict[str, object] = {"__eq__": equal, "__hash__": lambda self: hash(key(self))}
    if order:
        made |= {"__lt__": less, "__gt__": greater, "__le__": at_most, "__ge__": at_least}
    return made


def _representation(names: Collection[str]) -> Callable[[object], str]:
    def represent(self: object) -> str:
        shown = ", ".join(name + "=" + repr(getattr(self, name)) for name in names)
        return f"{type(self).__qualname__}({shown})"

    return represent


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change field {name}")


class _Fields:
    """``__dataclass_fields__``, made when it is asked for the first time: that takes 4 ms."""

    def __init__(self, compared: Collection[str]) -> None:
        self._compared = compared
        self._found: dict[type, dict[str, Field[Any]]] = {}

    def __get__(self, _: object, owner: type) -> dict[str, Field[Any]]:
        found = self._found.get(owner)
        if found is None:
            found = self._found[owner] = self._made(owner)
        return found

    def _made(self, owner: type) -> dict[str, Field[Any]]:
        import dataclasses

        described = [
            (
                name,
                sys.modules[owner.__module__].__dict__.get(kind, Any),
                dataclasses.field(
                    default=vars(owner).get(name, dataclasses.MISSING),
                    compare=name in self._compared,
                ),
            )
            for name, kind in owner.__annotations__.items()
        ]
        shadow: Any = dataclasses.make_dataclass(owner.__name__, described, frozen=True)
        found: dict[str, Field[Any]] = shadow.__dataclass_fields__
        return found
