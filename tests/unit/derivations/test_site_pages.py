"""The generator of the project's site."""

from __future__ import annotations

import json
import re

from derivations.own import _site_pages as pages

DIGEST = "0123456789abcdfghijklmnpqrsvwxyz"


def test_links_between_files_are_links_between_pages() -> None:
    files = ("cache.md#push", "../README.md", "../store/x.py", "https://x.org", "index.md", "#a")
    body = pages.linked("".join(f'<a href="{file}">' for file in files), "docs/")
    assert re.findall('href="([^"]*)"', body) == [
        "/docs/cache.html#push",
        "/",
        f"{pages.SOURCE}store/x.py",
        "https://x.org",
        "/docs/store-index.html",
        "#a",
    ]


def test_no_path_on_a_page_is_a_reference() -> None:
    assert DIGEST not in pages.page("x", f"<p>/store/{DIGEST}-gcc</p>")


def test_packages_of_the_last_stage_and_the_world_are_listed() -> None:
    rows = [
        {"package": "stage2.gcc", "version": "14", "group": "base", "homepage": "https://g.org"},
        {"package": "cross.gcc", "version": "14", "group": "base"},
        {"package": "zlib", "version": "1.3", "group": "libs", "description": "<small>"},
        {"package": "system.site", "version": "", "group": "systems"},
    ]
    text = pages.packages("\n".join(map(json.dumps, rows)))
    assert re.findall('<tr id="([^"]*)"', text) == ["gcc", "zlib"]
    assert "&lt;small&gt;" in text and "<h1>2 packages</h1>" in text


def test_the_audit_counts_packages_that_came_to_one_path() -> None:
    rows = ["seed\tpackage\toutput\tderivation\tpath"]
    for seed in ("debian", "zig"):
        rows.append(f"{seed}\tstage2.gcc\tout\t0\t/store/{DIGEST}-gcc")
        rows.append(f"{seed}\tstage2.make\tout\t0\t/store/{DIGEST}-make-{seed}")
        rows.append(f"{seed}\tcross.gcc\tout\t0\t/store/{DIGEST}-cross")
    text = pages.audit("\n".join(rows))
    assert "1 of 2 packages: one path" in text
    assert 'rowspan="2">make' in text
    assert "0 of 0 packages" in pages.audit("")
