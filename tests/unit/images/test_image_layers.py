"""Which objects have a layer of their own."""

from __future__ import annotations

from store.images.layers import layers

REFERENCES = {
    b"libc": [],
    b"zlib": [b"libc"],
    b"python": [b"zlib", b"libc"],
    b"tool": [b"python"],
    b"shell": [b"libc"],
}
SIZES = {b"libc": 5, b"zlib": 1, b"python": 9, b"tool": 2, b"shell": 3}


def test_the_most_needed_come_first_and_of_equals_the_largest() -> None:
    order = [b"libc", b"zlib", b"python", b"shell", b"tool"]
    assert layers(REFERENCES, SIZES) == [(name,) for name in order]


def test_the_rest_shares_the_last_layer() -> None:
    assert layers(REFERENCES, SIZES, 3) == [(b"libc",), (b"zlib",), (b"python", b"shell", b"tool")]
    assert layers(REFERENCES, SIZES, 1) == [tuple(sorted(REFERENCES))]


def test_objects_that_refer_to_each_other_are_counted_once() -> None:
    assert layers({b"a": [b"b"], b"b": [b"a"]}, {b"a": 1, b"b": 1}) == [(b"a",), (b"b",)]


def test_no_objects_are_no_layers() -> None:
    assert layers({}, {}) == []
