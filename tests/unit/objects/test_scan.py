"""The reference scan finds exactly what a naive search finds."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.digest import ALPHABET, TEXT_SIZE, file_digest
from store.model import identity
from store.objects import content
from store.objects.scan import Scanner
from tests.amounts import example_count

TEXTS = ["".join(random.Random(seed).choices(ALPHABET, k=TEXT_SIZE)) for seed in range(100)]


def naive(data: bytes, texts: list[str]) -> list[tuple[int, bytes]]:
    wanted = {text.encode() for text in texts}
    starts = range(len(data) - TEXT_SIZE + 1)
    return [(at, data[at : at + 32]) for at in starts if data[at : at + 32] in wanted]


PIECES = st.one_of(
    st.sampled_from([text.encode() for text in TEXTS]),
    st.sampled_from([text.encode()[:31] for text in TEXTS[:5]]),
    st.binary(max_size=40),
    st.integers(1, 300).map(lambda size: b"0" * size),
    st.text(ALPHABET, max_size=70).map(str.encode),
    st.text("the quick brown fox\n", max_size=60).map(str.encode),
)


@pytest.mark.slow
@settings(max_examples=example_count(150))
@given(st.lists(PIECES, max_size=12).map(b"".join), st.integers(0, 100))
def test_it_agrees_with_a_naive_search(data: bytes, count: int) -> None:
    assert Scanner(TEXTS[:count]).find(data) == naive(data, TEXTS[:count])


@pytest.mark.parametrize("around", [b"\0", b"a", b"/"])
def test_a_digest_is_found_at_every_offset(around: bytes) -> None:
    scanner = Scanner(TEXTS[:3])
    text = TEXTS[1].encode()
    for before in range(80):
        for after in (0, 1, 7, 8, 40):
            data = around * before + text + around * after
            assert scanner.find(data) == [(before, text)]


def test_one_wrong_character_is_no_match() -> None:
    text = TEXTS[0]
    scanner = Scanner([text])
    for at in range(TEXT_SIZE):
        other = "0" if text[at] != "0" else "1"
        assert scanner.find((text[:at] + other + text[at + 1 :]).encode()) == []
        assert scanner.find((text[:at] + "e" + text[at + 1 :]).encode()) == []


@pytest.mark.parametrize("size", [31, 32, 4095, 4096, 4097, 100_000])
def test_long_runs_are_searched_too(size: int) -> None:
    run = b"0" * size
    data = b"." + run + TEXTS[3].encode() + run + b"." + TEXTS[4].encode()
    expected = [(size + 1, TEXTS[3].encode()), (2 * size + 34, TEXTS[4].encode())]
    assert Scanner(TEXTS).find(data) == expected


@pytest.mark.parametrize("size", [40, 5000])
def test_digests_that_overlap_are_all_found(size: int) -> None:
    run = "01" * (size // 2)
    texts = ["01" * 16, "10" * 16]
    found = Scanner(texts).find(run.encode())
    assert found == naive(run.encode(), texts)
    assert len(found) == size - 31


def test_digests_next_to_each_other_are_all_found() -> None:
    data = "".join(TEXTS).encode()
    assert len(Scanner(TEXTS).find(data)) >= 100


def test_text_is_searched_as_thoroughly_as_other_data() -> None:
    words = (b"abcdfghijklmnpqrsvwxyz0123456789" * 3)[:70] + b" the end of a line\n"
    data = words * 200 + TEXTS[0].encode() + words * 200
    assert (200 * len(words), TEXTS[0].encode()) in Scanner(TEXTS[:1]).find(data)


def test_nothing_is_found_without_candidates_or_data() -> None:
    assert Scanner([]).find(TEXTS[0].encode()) == []
    assert Scanner(TEXTS).find(b"") == []


def test_chunks_of_a_file_hide_nothing_at_their_borders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "CHUNK", 64)
    text = TEXTS[0].encode()
    for before in range(140):
        data = b"-" * before + text + b"-" * (200 - before)
        (tmp_path / "f").write_bytes(data)
        fd = os.open(tmp_path / "f", os.O_RDONLY)
        assert [at for part in content.offsets(fd, text) for at in part] == [before]
        blanked = data.replace(text, b"\0" * 32)
        assert content.blanked_digest(fd, text) == (file_digest(blanked), 1)
        assert content.blanked_digest(fd, TEXTS[1].encode()) == (file_digest(data), 0)
        assert content.file_digest_of(fd) == file_digest(data)
        os.close(fd)


OVERLAPPING = ("a" * 32, "b" + "a" * 30 + "b", "a" * 31 + "c", "c" + "d" * 31)


@given(
    st.lists(
        st.sampled_from([*OVERLAPPING, "a", "b", "aaa", "c" + "d" * 30, "d" * 31, "-" * 7]),
        max_size=12,
    ),
    st.sets(st.sampled_from(OVERLAPPING), min_size=1),
    st.integers(1, 70),
)
def test_texts_are_replaced_as_if_all_places_were_known_before(
    pieces: list[str], wanted: set[str], chunk: int
) -> None:
    data = "".join(pieces).encode()
    texts = {text.encode(): b"%02d" % n + b"=" * 30 for n, text in enumerate(sorted(wanted))}
    found = naive(data, sorted(wanted))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryFile(buffering=0) as file:
        patch.setattr(content, "CHUNK", chunk)
        file.write(data)
        expected = bytearray(data)
        for at, text in found:
            expected[at : at + 32] = texts[text]
        one = min(texts)
        blanked = content.blanked_payload(file.fileno(), one)
        places = [at for at, text in found if text == one]
        content_of = bytearray(data)
        for at in places:
            content_of[at : at + 32] = bytes(32)
        before = identity.blanked_file(file_digest(bytes(content_of)), places)
        assert blanked == (before if places else None)
        assert content.rewrite(file.fileno(), texts) == file_digest(bytes(expected))
        file.seek(0)
        assert file.read() == expected


def test_texts_that_were_found_are_not_looked_for_again() -> None:
    texts = [text.encode() for text in TEXTS[:3]]
    scanner = Scanner(TEXTS[:2])
    data = texts[0] * 20_000 + b"-" + texts[1] + b"-" + texts[2]
    assert scanner.texts_in(data) == set(texts[:2])
    assert scanner.texts_in(data, frozenset(texts[:1])) == {texts[1]}


def test_groups_of_a_digest_without_the_rest_are_no_match() -> None:
    text = TEXTS[0]
    for part in (text[:31], text[1:], text[:8], text[24:], text[8:24]):
        data = b".".join([part.encode()] * 3000)
        assert Scanner(TEXTS).find(data) == []
        assert Scanner(TEXTS).find((part * 3000).encode()) == naive((part * 3000).encode(), TEXTS)


def test_many_digests_close_to_each_other_are_all_found() -> None:
    data = b" ".join(b"/store/%s-x/lib" % text.encode() for text in TEXTS * 20)
    assert Scanner(TEXTS).find(data) == naive(data, TEXTS)
