"""The lines of ``store import`` about the objects and records that it took."""

from __future__ import annotations

from store.cli.commands import import_
from store.model.names import ObjectId
from store.model.origin import How, Origin
from store.substitute.importing import Imported

OBJECT = ObjectId(b"\x01" * 20, "made")


def test_what_was_taken_refused_and_passed_over_is_said() -> None:
    refused = [f"record {number}" for number in range(import_.SHOWN + 2)]
    taken = Imported([OBJECT], [Origin(How.CHECKED, b"forge")], 3, refused, "it is gone")
    text = "\n".join(import_._report(taken, "/mnt/forge", unsigned=False))
    assert text.startswith("1 object taken from /mnt/forge\n")
    for part in (
        "1 record of their builds taken: the file has the hash of its source",
        "has no records of their builds: it is gone",
        "refused a record that cannot be true: record 0",
        "  and 2 more",
        "3 records of their builds not taken",
    ):
        assert part in text


def test_a_cache_is_told_by_the_scheme_of_its_url_in_any_letters() -> None:
    for source in ("file:///srv/cache", "HTTP://127.0.0.1:1/x", "Grpc+Unix:/run/s", "FILE:/srv"):
        assert import_._is_cache(source)
    assert not import_._is_cache("/srv/File:")
