"""The list of a generation's packages: one text for the same packages, and no other is read."""

from __future__ import annotations

import json

import pytest

from store.errors import FormatError
from store.model.names import ObjectId
from store.profiles.installed import Installed, InstalledPackage

HELLO = InstalledPackage("hello", "2.10", "hello", (ObjectId(b"h" * 20, "hello-2.10"),))
PAIR = InstalledPackage(
    "pair", "1", "pair^*", (ObjectId(b"p" * 20, "pair"), ObjectId(b"l" * 20, "pair-lib")), 3
)


def test_packages_come_back_from_their_text_in_any_order() -> None:
    one, two = Installed.of([HELLO, PAIR]), Installed.of([PAIR, HELLO])
    assert one == two
    assert one.encode() == two.encode()
    assert Installed.decode(one.encode()) == one
    assert list(one.packages) == ["hello", "pair"]


def test_packages_of_one_name_replace_each_other() -> None:
    newer = HELLO._replace(version="2.11")
    installed = Installed.of([HELLO]).with_packages([newer, PAIR])
    assert installed.packages == {"hello": newer, "pair": PAIR}
    assert installed.without(["hello", "nothing"]) == Installed.of([PAIR])
    assert installed.objects() == [*newer.objects, *PAIR.objects]


def test_a_package_asked_for_as_an_object_is_pinned() -> None:
    assert not HELLO.pinned
    assert HELLO._replace(request=HELLO.objects[0].path).pinned


GOOD = {"format": 1, "packages": [HELLO.to_record()]}


@pytest.mark.parametrize(
    "record",
    [
        *([], {}, 7, None, "text", {"format": 1}, {**GOOD, "format": 2}, {**GOOD, "more": 1}),
        *({**GOOD, "packages": None}, {**GOOD, "packages": [{}]}, {**GOOD, "packages": [7]}),
        *(
            {**GOOD, "packages": [HELLO.to_record() | {field: value}]}
            for field, value in (
                *(("name", 7), ("name", ""), ("version", None), ("request", []), ("paths", [])),
                *(("paths", "text"), ("paths", ["/store/x"]), ("paths", ["/etc/passwd"])),
                *(("paths", [HELLO.objects[0].path + "/bin"]), ("priority", "5"), ("more", 1)),
            )
        ),
    ],
)
def test_any_other_record_is_refused(record: object) -> None:
    with pytest.raises(FormatError):
        Installed.decode(json.dumps(record).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        Installed.decode(data)
