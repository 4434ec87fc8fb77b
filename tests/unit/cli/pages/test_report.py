"""The page as text: its sentence, its escapes, its policy. How it looks is tested in a browser."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.cli.pages import picture
from store.cli.pages.page import write_page
from store.cli.pages.report import DIFFERENCES_SHOWN, page, sentence, write_report
from store.errors import NotOwner, StorageError
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict
from tests.amounts import example_count
from tests.unit.layout.test_opening import AS_ROOT, NEIGHBOUR

SAME, OTHER = ObjectId(b"\1" * 20, "a"), ObjectId(b"\2" * 20, "a")


def finding(verdict: Verdict, subject: str = "a", **fields: Any) -> AuditFinding:
    same = {"expected": SAME, "actual": SAME}
    return AuditFinding(subject, "out", "rebuild", verdict, **same | fields)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({}, "Nothing was compared."),
        ({"reproduced": 1}, "The output is reproduced."),
        ({"reproduced": 3}, "All 3 outputs are reproduced."),
        ({"differs": 1}, "1 of 1 output differs."),
        ({"differs": 2, "reproduced": 3}, "2 of 5 outputs differ."),
        ({"differs": 1, "failed": 2, "unknown": 3}, "1 of 6 outputs differs; 2 failed, 3 unknown."),
        ({"failed": 1, "reproduced": 4}, "4 of 5 outputs reproduced; 1 failed."),
        ({"unknown": 2}, "There was nothing to compare with."),
        (
            {"unknown": 1, "reproduced": 1},
            "1 of 2 outputs reproduced, none differs; 1 unknown.",
        ),
    ],
)
def test_one_sentence_says_what_it_comes_to(counts: dict[str, int], text: str) -> None:
    assert sentence(Counter({Verdict(name): count for name, count in counts.items()})) == text


def test_an_output_counts_once_and_as_the_worst_that_was_found_of_it() -> None:
    found = [
        finding(Verdict.REPRODUCED),
        finding(Verdict.DIFFERS, variation="date"),
        finding(Verdict.REPRODUCED, "b"),
    ]
    text = page(found)
    assert "1 of 2 outputs differs." in text
    assert text.count('<tr class="finding') == 3
    assert text.count("<tbody") == 2


class Tags(HTMLParser):
    """Elements opened and closed, and all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return tags


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["<script>", '"><b>', "&lt;", "$title", "${x}", "\0"]
)


@pytest.mark.slow
@settings(max_examples=example_count(40))
@given(TEXTS, TEXTS, TEXTS)
def test_no_text_becomes_an_element(first: str, second: str, third: str) -> None:
    plain, other = (
        page(
            [
                finding(
                    Verdict.DIFFERS,
                    a,
                    actual=OTHER,
                    detail=f"x{b}",
                    cause=f"x{b}",
                    variation=f"x{c}",
                    differences=(Difference(a, b, 1, c, b),),
                    logs=(c,),
                    kept=f"x{a}",
                )
            ],
            facts=[(a, b)],
        )
        for a, b, c in (("a", "b", "c"), (first, "".join(second.split()), third))
    )
    expected, actual = parsed(plain).seen, parsed(other).seen
    assert [tag for tag, _ in actual] == [tag for tag, _ in expected]
    assert [attributes.keys() for _, attributes in actual] == [
        attributes.keys() for _, attributes in expected
    ]


def test_the_policy_allows_this_style_sheet_and_nothing_else() -> None:
    text = page([finding(Verdict.REPRODUCED)])
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{hashed}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "http:" not in text
    assert "https:" not in text
    assert not any("style" in attributes for _, attributes in parsed(text).seen)


def test_many_differences_are_cut_and_counted() -> None:
    many = tuple(Difference(f"f{n}", "content") for n in range(DIFFERENCES_SHOWN + 7))
    text = page([finding(Verdict.DIFFERS, differences=many)])
    assert f"{len(many)} differences" in text
    assert "and 7 more" in text
    assert f"f{DIFFERENCES_SHOWN - 1}<" in text
    assert f"f{DIFFERENCES_SHOWN}<" not in text


def test_differences_with_long_paths_are_fewer() -> None:
    many = tuple(Difference("\x1b" * 4000 + str(n), "content") for n in range(100))
    text = page([finding(Verdict.DIFFERS, differences=many)])
    shown = text.count("content</span>")
    assert 0 < shown < 50
    assert f"and {100 - shown} more" in text


def test_what_came_out_the_same_under_many_variations_takes_one_row() -> None:
    found = [
        finding(Verdict.REPRODUCED, variation="control", seconds=1.0),
        finding(
            Verdict.DIFFERS, variation="date", cause="date", differences=(Difference("x", "mode"),)
        ),
        finding(
            Verdict.DIFFERS, variation="user", cause="user", differences=(Difference("x", "mode"),)
        ),
        finding(Verdict.REPRODUCED, variation="path", seconds=3.0),
    ]
    text = page(found)
    kinds = re.findall(r'<tr class="finding (\w+)-row">', text)
    assert kinds == ["differs", "differs", "reproduced"], "the worst first"
    assert "nothing, path" in text
    assert "1.0s to 3.0s" in text


def test_pairs_of_which_nothing_is_there_take_one_row_with_each_reason() -> None:
    found = [
        finding(Verdict.UNKNOWN, expected=None, actual=None, seeds=(seed,), detail=f"not on {seed}")
        for seed in ("debian", "zig")
    ]
    text = page(found)
    assert text.count('<tr class="finding') == 1
    for seed in ("debian", "zig"):
        assert f"<small>not on {seed}</small>" in text
        assert f"seed {seed}</small>" in text


def test_the_page_replaces_a_file_and_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("old")
    write_report(str(file), [finding(Verdict.REPRODUCED, "\udcff\ud800")])
    assert file.read_text().endswith("</html>\n")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(StorageError):
        write_report(str(tmp_path / "none" / "report.html"), [])


# -- the ladder -----


def made(name: str, *inputs: Derivation) -> Derivation:
    return Derivation(name, "s", "/bin/sh", inputs=tuple(sorted(item.ref() for item in inputs)))


def small_ladder() -> Catalogue:
    seed = Derivation("seed", "s", "builtin:unpack")
    source = Derivation("source", "s", "builtin:unpack")
    nodes = {"seed.x": seed, "source.cc": source}
    nodes["one.cc"] = made("one", seed, source)
    nodes["two.cc"] = made("two", nodes["one.cc"], source)
    packages = {name: Package(name, node.digest) for name, node in nodes.items()}
    packages["cc"] = Package("cc", nodes["one.cc"].digest)
    return Catalogue(packages, collect(nodes.values()))


def test_the_ladder_holds_what_was_examined_and_what_that_is_built_from() -> None:
    found = [finding(Verdict.DIFFERS, "two.cc", counterpart="one.cc", seeds=("x",))]
    drawn = picture.picture(found, small_ladder(), {"two.cc": "o0"})
    assert [(column.name, column.below) for column in drawn.columns] == [
        ("seed", ()),
        ("one", ("seed",)),
        ("two", ("one",)),
    ]
    assert [box for column in drawn.columns for box in column.boxes] == [
        picture.PackageBox("seed.x", None),
        picture.PackageBox("one.cc", Verdict.DIFFERS, "o0"),
        picture.PackageBox("two.cc", Verdict.DIFFERS, "o0"),
    ]
    assert drawn.twins == {("two.cc", "one.cc"): Verdict.DIFFERS}


def test_a_package_is_found_by_any_of_its_names() -> None:
    drawn = picture.picture([finding(Verdict.FAILED, "cc^out")], small_ladder(), {})
    boxes = {box.name: box.verdict for column in drawn.columns for box in column.boxes}
    assert boxes == {"seed.x": None, "one.cc": Verdict.FAILED}


def test_what_the_recipes_do_not_name_is_not_drawn() -> None:
    assert picture.picture([finding(Verdict.FAILED, "other")], small_ladder(), {}).columns == ()
    assert "<svg" not in page([finding(Verdict.FAILED, "other")], catalogue=small_ladder())


@AS_ROOT
def test_a_page_is_not_written_through_what_another_user_put_there(tmp_path: Path) -> None:
    target, lure = tmp_path / "page", tmp_path / "fifo"
    os.mkfifo(lure)
    target.symlink_to(lure)
    os.chown(target, NEIGHBOUR, NEIGHBOUR, follow_symlinks=False)
    with pytest.raises(NotOwner):
        write_page(str(target), "text")
