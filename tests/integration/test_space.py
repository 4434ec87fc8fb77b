"""``store du`` and ``store stats`` as a user runs them, and the picture in a real browser."""

from __future__ import annotations

import io
import json
import os
import unicodedata
from pathlib import Path

import pypdf
import pytest

from tests.integration.browser import Browser
from tests.integration.conftest import Shop


@pytest.fixture(scope="module")
def link(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only link to an object of the shop's store, and one of those that keep most; its name is
    as long as a name can be, and has signs of HTML."""
    folder = tmp_path_factory.mktemp("links")
    (folder / "lonely").write_bytes(bytes(range(256)) * 0x4000)
    path = folder / f"link<b>&{'x' * 240}"
    shop.path("add", str(folder / "lonely"), "--out-link", str(path))
    return path


@pytest.fixture(scope="module")
def page(shop: Shop, link: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "space.html"
    done = shop.run("du", "--html", str(path))
    assert done.returncode == 0, done.stderr
    assert f"the picture is in {path}" in done.stderr
    return path


def test_du_names_what_is_largest_and_what_a_link_keeps(shop: Shop, link: Path) -> None:
    done = shop.run("du", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    objects = [line["object"] for line in lines if "object" in line]
    totals = [item["total"] for item in objects]
    assert totals == sorted(totals, reverse=True)
    lonely = next(item for item in objects if item["path"].endswith("-lonely"))
    assert lonely["kept_by"] == f"link {link}"
    assert 0 < lonely["exclusive"] <= lonely["total"]
    holder = next(
        line["holder"] for line in lines if line.get("holder", {}).get("name") == str(link)
    )
    assert holder["holds"] == [lonely["path"]]
    summary = lines[-1]["summary"]
    assert summary["objects"] == len(objects)
    assert summary["total"] <= summary["unshared"]


def test_du_for_people_has_as_many_lines_as_asked_for(shop: Shop, link: Path) -> None:
    done = shop.run("du", "--top", "2")
    assert done.returncode == 0, done.stderr
    assert sum("  /store/" in line for line in done.stdout.splitlines()) == 2
    assert f"link {link}" in done.stdout
    assert "objects more" in done.stdout
    one = shop.run("du", str(link))
    assert one.returncode == 0, one.stderr
    assert "-lonely" in one.stdout
    assert "holder" not in one.stdout


def test_stats_agree_with_du(shop: Shop, link: Path) -> None:
    done = shop.run("stats", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    summary = json.loads(shop.run("du", "--json").stdout.splitlines()[-1])["summary"]
    assert found["objects"] == summary["objects"]
    assert found["files"] == summary["files"]
    assert found["gain"] == found["before_sharing"] - found["after_sharing"] >= 0
    assert found["sources"]["objects"] > 0
    assert found["folders"]["index"]["bytes"] > 0
    text = shop.run("stats").stdout
    assert "largest closures" in text
    assert "realisations" in text


def test_a_picture_of_some_objects_is_refused(shop: Shop, tmp_path: Path) -> None:
    done = shop.run("du", "hello", "--html", str(tmp_path / "x"))
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())


def test_nothing_is_asked_for_and_nothing_is_run(browser: Browser) -> None:
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.run("return document.scripts.length") == 0


def test_the_map_has_a_tile_an_object_that_says_what_it_is(
    shop: Shop, browser: Browser, link: Path
) -> None:
    assert browser.shown("svg.wide")
    assert not browser.shown("svg.narrow")
    titles = browser.run(
        "return [...document.querySelectorAll('svg.wide .tile title')].map(t => t.textContent)"
    )
    lonely = [title for title in titles if "-lonely\n" in title]
    assert len(lonely) == 1
    assert f"kept by link {link}" in lonely[0]
    # Other tests use this store, too, so no certain object has room for its name.
    tiles = browser.run(
        """
        return [...document.querySelectorAll('svg.wide .tile')].map(tile => {
            const box = tile.querySelector('rect').getBoundingClientRect();
            const text = tile.querySelector('text');
            return [box.width * box.height, tile.querySelector('title').textContent,
                    text ? text.textContent : null]; });
        """
    )
    for _, title, label in tiles:
        assert not label or label.removesuffix("…") in title
    _, title, label = max(tiles)
    assert label and len(label) > 4
    assert "lonely" in browser.text("#objects") + "".join(titles)
    assert str(link) in browser.text("#holders")


@pytest.mark.parametrize(("width", "kind"), [(1200, "wide"), (390, "narrow")])
def test_no_tile_lies_on_another_and_no_label_leaves_its_tile(
    browser: Browser, width: int, kind: str
) -> None:
    browser.resize(width, mobile=width < 500)
    assert browser.shown(f"svg.{kind}")
    overlaps, outside, letters = browser.run(
        """
        const picture = document.querySelector(`svg.${arguments[0]}`);
        const rects = [...picture.querySelectorAll('rect')].map(r => r.getBoundingClientRect());
        let overlaps = 0;
        rects.forEach((a, i) => rects.slice(i + 1).forEach(b => {
            overlaps += Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.2
                && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.2; }));
        const texts = [...picture.querySelectorAll('text')];
        const outside = texts.filter(t => {
            const place = t.closest('.tile')?.querySelector('rect') ?? picture;
            return t.getBoundingClientRect().right > place.getBoundingClientRect().right; });
        return [overlaps, outside.map(t => t.textContent),
                texts.map(t => t.getBoundingClientRect().height)];
        """,
        kind,
    )
    assert overlaps == 0
    assert outside == []
    assert len(letters) >= 3
    assert min(letters) >= 10


@pytest.mark.parametrize("width", [320, 390, 700, 1200])
def test_the_page_never_scrolls_sideways(browser: Browser, width: int) -> None:
    browser.resize(width, mobile=width < 500)
    page_width, window_width = browser.run(
        "return [document.scrollingElement.scrollWidth, window.innerWidth]"
    )
    assert window_width == width
    assert page_width <= width
    assert " in " in browser.text("h1")
    smallest = browser.run(
        "return Math.min(...[...document.querySelectorAll('td, th, p, dd, li')]"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert smallest >= 12


def test_a_print_has_the_picture_and_the_objects(browser: Browser) -> None:
    reader = pypdf.PdfReader(io.BytesIO(browser.pdf()))
    text = unicodedata.normalize("NFKC", "\n".join(p.extract_text() for p in reader.pages))
    assert "What takes the space" in text
    assert "The largest objects" in text
    assert "What keeps it" in text


def test_pictures_of_the_page_are_not_empty(browser: Browser, tmp_path: Path) -> None:
    for width in (1200, 390):
        browser.resize(width, mobile=width < 500)
        image = browser.picture()
        assert len(image) > 20_000
        place = Path(os.environ.get("REPORT_PICTURES", tmp_path))
        (place / f"space-{width}.png").write_bytes(image)
