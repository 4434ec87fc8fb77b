"""The page of an audit in a real browser: read, opened, on a phone, in the dark, and printed."""

from __future__ import annotations

import io
import os
import re
import subprocess
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdf
import pytest

from store.cli.pages.report import write_report
from store.model.catalogue import Catalogue, Package, collect
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict
from tests.integration.browser import Browser
from tests.integration.conftest import Shop

NASTY = "<script>document.title='caught'</script>\"'&\u202e\x1b[31m<img src=x onerror=alert(1)>"
LONG = "lib/" + "x" * 300 + "/" + "deeply/" * 20 + "file.o"

DIFFERENCES = (
    Difference("bin/make", "content", 12345, ".rodata", "32 30 32 36 / 32 30 32 35"),
    Difference(LONG, "content", 7, "member libfoo.o"),
    Difference(NASTY, "extra", detail=NASTY),
)


NAMES = (
    "binutils", "linux-headers", "gcc", "musl", "coreutils", "m4", "make", "sed", "grep",
    "diffutils", "findutils", "gawk", "bash", "xz", "tar", "patch", "gzip", "bzip2",
)  # fmt: skip


def node(name: str, *inputs: Derivation, builder: str = "/bin/sh") -> Derivation:
    refs = tuple(sorted(item.ref() for item in inputs))
    return Derivation(name.replace(".", "-"), "x86_64-linux", builder, inputs=refs)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """A ladder like ours: a seed, a cross toolchain, and the distribution twice."""
    seed = node("seed.debian", builder="builtin:unpack")
    userland = node("seed.debian-userland", builder="builtin:unpack")
    sources = {name: node(f"source.{name}", builder="builtin:unpack") for name in NAMES}
    made = {"seed.debian": seed, "seed.debian-userland": userland}
    made |= {f"source.{name}": source for name, source in sources.items()}
    for name in ("binutils", "linux-headers"):
        made[f"cross.{name}"] = node(f"cross.{name}", seed, sources[name])
    made["cross.gcc"] = node("cross.gcc", seed, made["cross.binutils"], sources["gcc"])
    for name in NAMES:
        made[f"stage1.{name}"] = node(f"stage1.{name}", userland, made["cross.gcc"], sources[name])
    first = [made[f"stage1.{name}"] for name in NAMES]
    for name in NAMES:
        made[f"stage2.{name}"] = node(f"stage2.{name}", *first, sources[name])
    packages = {name: Package(name, value.digest) for name, value in made.items()}
    packages |= {name: Package(name, made[f"stage1.{name}"].digest) for name in NAMES}
    return Catalogue(packages, collect(made.values()))


def oid(name: str, number: int) -> ObjectId:
    return ObjectId(number.to_bytes(20, "big"), name)


def ladder(catalogue: Catalogue) -> list[AuditFinding]:
    """Every package of stage 2 against its twin: one differs, one failed, one is unknown."""
    found = []
    names = sorted(name for name in catalogue.packages if name.startswith("stage2."))
    for number, name in enumerate(names, 1):
        label = name.partition(".")[2]
        same = oid(label, number)
        found.append(
            AuditFinding(
                name,
                "out",
                "stages",
                Verdict.REPRODUCED,
                same,
                same,
                bytes(32),
                seconds=61.5 + number,
                counterpart=f"stage1.{label}",
            )
        )
    by_name = {finding.subject: number for number, finding in enumerate(found)}
    changes: dict[str, dict[str, Any]] = {
        "stage2.make": {
            "verdict": Verdict.DIFFERS,
            "actual": oid("make", 999),
            "cause": "date",
            "variation": "date",
            "differences": DIFFERENCES,
            "logs": ("/somewhere/original.log", "/somewhere/" + "y" * 200 + ".log"),
        },
        "stage2.gawk": {"verdict": Verdict.FAILED, "actual": None, "detail": f"1\n{NASTY}"},
        "stage2.bash": {"verdict": Verdict.UNKNOWN, "actual": None, "detail": "not realised"},
    }
    for name, fields in changes.items():
        found[by_name[name]] = replace(found[by_name[name]], **fields)
    return found


@pytest.fixture(scope="module")
def page(catalogue: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    facts = [("Command", "store audit stages"), ("Note", NASTY)]
    write_report(str(path), ladder(catalogue), facts=facts, catalogue=catalogue)
    return path


def widths(browser: Browser) -> tuple[int, int]:
    """How wide the page is, and how wide the window."""
    script = "return [document.scrollingElement.scrollWidth, window.innerWidth]"
    page_width, window_width = browser.run(script)
    return page_width, window_width


def test_the_verdict_stands_on_top_with_the_counts(browser: Browser) -> None:
    assert browser.text("h1") == "≠ 1 of 18 outputs differs; 1 failed, 1 unknown."
    top, height = browser.run(
        "const r = document.querySelector('h1').getBoundingClientRect(); return [r.top, r.height]"
    )
    assert 0 <= top < top + height < 200
    counts = browser.text(".counts").split("\n")
    assert counts == ["✓ 15 reproduced", "≠ 1 differs", "✗ 1 failed", "? 1 unknown"]


def test_nothing_is_asked_for_and_nothing_is_run(browser: Browser) -> None:
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.run("return document.scripts.length") == 0
    assert browser.run("return document.querySelectorAll('main img').length") == 0
    assert browser.run("return document.title").startswith("≠ 1 of 18")
    refused = browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s); return window.ran === undefined"
    )
    assert refused, "the page's policy lets scripts run"
    assert any("Content Security Policy" in line for line in browser.complaints())


def test_what_comes_from_a_build_is_shown_and_never_obeyed(browser: Browser) -> None:
    browser.click("#outputs summary")
    shown = browser.run("return document.querySelector('#outputs').textContent")
    assert "<script>document.title='caught'</script>" in shown
    assert "\\u202e\\x1b[31m" in shown
    assert "\u202e" not in shown
    assert "\x1b" not in shown


def test_differences_open_and_close_on_a_click(browser: Browser) -> None:
    browser.run("document.querySelector('#outputs details').scrollIntoView({block: 'center'})")
    item = "#outputs details li"
    assert browser.text("#outputs summary") == "3 differences"
    assert not browser.shown(item)
    browser.click("#outputs summary")
    assert browser.shown(item)
    assert browser.text(item) == (
        "bin/make content at byte 12345 in .rodata: 32 30 32 36 / 32 30 32 35"
    )
    browser.click("#outputs summary")
    assert not browser.shown(item)


def test_every_output_has_a_row_with_both_digests_the_worst_first(
    browser: Browser, catalogue: Catalogue
) -> None:
    rows = browser.run(
        "return [...document.querySelectorAll('tr.finding')].map(row => row.innerText)"
    )
    assert len(rows) == 18
    assert "≠ differs" in rows[0]
    assert "stage2.make" in rows[0]
    differing = next(item for item in ladder(catalogue) if item.subject == "stage2.make")
    for text in (differing.expected, differing.actual, "1m", "date"):
        assert str(text) in rows[0]
    assert "✗ failed" in rows[1]
    assert "? unknown" in rows[2]
    assert all("✓ reproduced" in row for row in rows[3:])


def test_the_ladder_has_a_column_a_stage_and_a_sign_in_every_box(browser: Browser) -> None:
    assert browser.shown("svg.wide")
    assert not browser.shown("svg.narrow")
    script = "return [...document.querySelectorAll('svg.wide .stage')].map(t => t.textContent)"
    assert browser.run(script) == ["seed", "cross", "stage1", "stage2"]
    boxes = dict(
        browser.run(
            "return [...document.querySelectorAll('svg.wide .box')].map("
            "b => [b.querySelector('title').textContent.split(':')[0], b.textContent])"
        )
    )
    assert "≠make" in boxes["stage2.make"]
    assert "≠make" in boxes["stage1.make"], "both of two that differ are marked"
    assert "✗gawk" in boxes["stage2.gawk"]
    assert "·gawk" in boxes["stage1.gawk"], "a failure is of the one alone"
    assert "✓gcc" in boxes["stage2.gcc"]
    assert "·gcc" in boxes["cross.gcc"]
    assert {name.partition(".")[0] for name in boxes} == {"seed", "cross", "stage1", "stage2"}
    script = "return [...document.querySelectorAll('svg .twin text')].map(t => t.textContent)"
    assert sorted(browser.run(script)) == sorted("=" * 15 + "≠✗?")


def test_no_two_boxes_of_the_ladder_overlap_and_no_label_leaves_its_box(browser: Browser) -> None:
    for width, kind in ((1200, "wide"), (390, "narrow")):
        browser.resize(width)
        overlaps, outside = browser.run(
            """
            const boxes = [...document.querySelectorAll(`svg.${arguments[0]} .box`)];
            const rects = boxes.map(b => b.querySelector('rect').getBoundingClientRect());
            let overlaps = 0;
            rects.forEach((a, i) => rects.slice(i + 1).forEach(b => {
                overlaps += a.left < b.right && b.left < a.right
                    && a.top < b.bottom && b.top < a.bottom; }));
            const outside = boxes.filter((b, i) => {
                const text = b.querySelector('text:last-child').getBoundingClientRect();
                return text.right > rects[i].right || text.left < rects[i].left; });
            return [overlaps, outside.map(b => b.textContent)];
            """,
            kind,
        )
        assert overlaps == 0
        assert outside == []


def test_a_box_of_the_ladder_leads_to_its_output(browser: Browser) -> None:
    browser.run("document.querySelector('svg.wide').scrollIntoView()")
    target = browser.run(
        "const box = [...document.querySelectorAll('svg.wide a')].find("
        "a => a.textContent.includes('stage2.make'));"
        "return document.querySelector(box.getAttribute('href')).innerText"
    )
    assert "stage2.make" in target


@pytest.mark.parametrize("width", [320, 360, 390, 600, 800, 1000, 1200, 1900])
def test_the_page_never_scrolls_sideways(browser: Browser, width: int) -> None:
    browser.resize(width, mobile=width < 500)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page_width, window_width = widths(browser)
    assert window_width == width
    assert page_width <= window_width


def test_a_phone_shows_rows_as_cards_in_letters_that_can_be_read(browser: Browser) -> None:
    browser.resize(360, mobile=True)
    assert browser.shown("svg.narrow")
    assert not browser.shown("svg.wide")
    smallest, card, row = browser.run(
        """
        const sizes = [...document.querySelectorAll('#outputs td, #outputs code, h1, p, dd')]
            .map(e => parseFloat(getComputedStyle(e).fontSize));
        return [Math.min(...sizes),
                document.querySelector('#outputs tbody').getBoundingClientRect().width,
                getComputedStyle(document.querySelector('#outputs tr.finding')).display];
        """
    )
    assert smallest >= 12
    assert 300 < card <= 360
    assert row == "grid"
    assert browser.text("#outputs td[data-label=Cause]") == "date"


def luminance(color: str) -> float:
    """Relative luminance, as WCAG 2 defines it, of ``rgb(r, g, b)``."""
    parts = [int(text) / 255 for text in re.findall(r"\d+", color)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_by_day_and_by_night(browser: Browser, scheme: str) -> None:
    browser.prefer(scheme)
    pairs = browser.run(
        """
        const solid = e => {
            for (; e; e = e.parentElement) {
                const color = getComputedStyle(e).backgroundColor;
                if (color !== 'rgba(0, 0, 0, 0)') return color;
            }
            return 'rgb(255, 255, 255)';
        };
        return [...document.querySelectorAll(
            'h1, h2, .kicker, .badge:not(.none), small, code, th, td, summary, .label, dt, dd')]
            .map(e => [e.className + ' ' + e.tagName, getComputedStyle(e).color, solid(e)]);
        """
    )
    for name, ink, ground in pairs:
        bright, dim = sorted((luminance(ink), luminance(ground)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (name, ink, ground)
    body = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (luminance(body) < 0.1) == (scheme == "dark")


def test_a_print_has_every_row_and_every_difference_opened(
    browser: Browser, catalogue: Catalogue
) -> None:
    reader = pypdf.PdfReader(io.BytesIO(browser.pdf()))
    printed = "\n".join(page.extract_text() for page in reader.pages)
    text = unicodedata.normalize("NFKC", printed)  # letters are joined in print
    assert "1 of 18 outputs differs" in text
    packed = re.sub(r"\s", "", text)
    for finding in ladder(catalogue):
        assert finding.subject in packed
        assert finding.expected is not None
        assert str(finding.expected) in packed
    assert "contentatbyte12345in.rodata" in packed
    assert "/somewhere/original.log" in packed
    assert "deeply/deeply/file.o" in packed


def test_pictures_of_the_page_are_not_empty(browser: Browser, tmp_path: Path) -> None:
    for width in (1200, 390):
        browser.resize(width)
        image = browser.picture()
        assert image.startswith(b"\x89PNG")
        assert len(image) > 20_000
        place = Path(os.environ.get("REPORT_PICTURES", tmp_path))
        (place / f"report-{width}.png").write_bytes(image)


def test_an_audit_writes_the_page_it_is_asked_for(
    shop: Shop, window: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    shop.path("realise", "hello")
    done = shop.run("audit", "rebuild", "hello", "--html", str(file))
    assert done.returncode == 0, done.stderr
    assert f"the report is in {file}" in done.stderr
    window.resize(1200)
    window.open(file.as_uri())
    assert window.complaints() == []
    assert window.text("h1") == "✓ The output is reproduced."
    assert "hello" in window.text("#outputs tr.finding")
    assert "hello" in window.text("svg.wide")
    assert "audit rebuild hello" in window.text(".facts")


def test_a_page_that_cannot_be_written_is_told_before_anything_is_built(
    shop: Shop, tmp_path: Path
) -> None:
    for place in (tmp_path / "no" / "report", tmp_path):
        done = shop.run("audit", "rebuild", "hello", "--html", str(place))
        assert done.returncode in (50, 52)
        assert "cannot write the report" in done.stderr
        assert "to examine" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_page_goes_into_a_pipe_and_not_in_its_place(shop: Shop) -> None:
    shop.path("realise", "hello")
    done = shop.run("audit", "rebuild", "hello", "--html", "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert "</html>" in done.stdout
    assert Path("/dev/stdout").is_symlink()


def test_a_page_goes_into_the_file_of_standard_output(shop: Shop, tmp_path: Path) -> None:
    shop.path("realise", "hello")
    link = tmp_path / "link"
    link.symlink_to("/proc/self/fd/1")
    with open(tmp_path / "page", "w+b") as stream:
        command = shop.command("audit", "rebuild", "hello", "--html", str(link))
        subprocess.run(command, env=shop.environment(), stdout=stream, check=True)
    text = (tmp_path / "page").read_text()
    assert "</html>" in text
    assert "reproduced  hello" in text
    assert link.is_symlink()
