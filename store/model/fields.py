"""Reading canonical records field by field: each reader returns a value, or raises FormatError."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from operator import lt
from typing import Any, TypeVar, cast

from store.canon import Value
from store.display import quoted
from store.errors import FormatError
from store.model import names
from store.model.names import ObjectId

T = TypeVar("T")


def integer(value: Value) -> int:
    """Return a non-negative integer."""
    if type(value) is not int or value < 0:
        raise FormatError(f"expected a non-negative integer, found {quoted(value)}")
    return value


def boolean(value: Value) -> bool:
    """Return True or False."""
    if type(value) is not bool:
        raise FormatError(f"expected a boolean, found {quoted(value)}")
    return value


def text(value: Value) -> str:
    """Return a UTF-8 string."""
    if type(value) is not str:
        raise FormatError(f"expected a string, found {quoted(value)}")
    return value


def text_pair(value: Value) -> tuple[str, str]:
    """Return two UTF-8 strings."""
    first, second = array(value, 2)
    return text(first), text(second)


def text_pairs(value: Value) -> tuple[tuple[str, str], ...]:
    """Return an array of pairs of UTF-8 strings."""
    pairs: list[list[Any]] = array(value)  # type: ignore[assignment]
    if (
        set(map(type, pairs)) <= {list}
        and set(map(len, pairs)) <= {2}
        and set(map(type, chain.from_iterable(pairs))) <= {str}
    ):
        return tuple((first, second) for first, second in pairs)
    return several(value, text_pair)


def raw(value: Value, size: int | None = None) -> bytes:
    """Return bytes, exactly ``size`` of them when given."""
    if type(value) is not bytes or (size is not None and len(value) != size):
        raise FormatError(
            f"expected {size if size is not None else 'some'} bytes, found {quoted(value)}"
        )
    return value


def array(value: Value, size: int | None = None) -> list[Value]:
    """Return an array, of exactly ``size`` items when given."""
    if not isinstance(value, list) or (size is not None and len(value) != size):
        raise FormatError(f"expected an array of {size if size is not None else 'any size'}")
    return value


def several(value: Value, read: Callable[[Value], T]) -> tuple[T, ...]:
    """Return an array whose items are all read by ``read``."""
    return tuple(map(read, array(value)))


def object_id(value: Value) -> ObjectId:
    """Return ``[digest, name]``."""
    key, name = array(value, 2)
    return ObjectId(raw(key, 20), text(name))


def object_ids(value: Value) -> tuple[ObjectId, ...]:
    """Return an array of ``[digest, name]``: as :func:`object_id` of each, for hundreds."""
    pairs = array(value)
    if not {list}.issuperset(map(type, pairs)):
        raise FormatError("expected arrays of a digest and a name")
    return tuple(names.object_ids(cast("list[list[object]]", pairs)))


def object_id_fields(value: ObjectId) -> Value:
    """Return ``[digest, name]``."""
    return [value.digest, value.name]


def strictly_ascending(items: Iterable[T], what: str) -> None:
    """Raise FormatError unless ``items`` is sorted and holds nothing twice."""
    values = list(items)
    if not all(map(lt, values, values[1:])):  # type: ignore[arg-type]
        raise FormatError(f"{what} are not sorted, or hold something twice")
