"""Makes the project's site: its docs as pages, its packages, and what its seeds agree on.

    python3 _site_pages.py PROJECT PACKAGES LEDGER OUT

PROJECT is the project's tree, PACKAGES the lines of ``store list --json``, and LEDGER the ladder's
ledger, which may be empty.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

SOURCE = "/cgit/fixpoint.git/tree/"
"""Where a file of the project is shown that is no page."""

_LINK = re.compile(r'(href|src)="(?!https?:|mailto:|#|/)([^"#]+)(#[^"]*)?"')
_DIGEST = re.compile(r"(/store/[0-9a-z]{16})([0-9a-z]{16})")
_TITLE = re.compile(r"<h1[^>]*>(.*?)</h1>", re.S)
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/site.css">
<header><nav>
<a class="name" href="/">Fixpoint</a>
<a href="/docs/">Docs</a>
<a href="/packages.html">Packages</a>
<a href="/audit.html">Audit</a>
<a href="/cgit/">Source</a>
<a href="/tracker/">Tickets</a>
<a href="/lists/">Lists</a>
<a href="/cache.html">Cache</a>
</nav></header>
<main class="{kind}">
{body}
</main>
<footer>Served by a machine that this distribution built: kernel, web server and pages.</footer>
</html>
"""
_SEARCH = """\
<h1>{count} packages</h1>
<p><input id="search" type="search" placeholder="Search names, descriptions and licences" autofocus>
<span id="shown"></span></p>
<table><thead><tr><th>Package<th>Version<th>Description<th>Group<th>Licence</tr></thead>
<tbody id="rows">
{rows}
</tbody></table>
<script>
const search = document.getElementById("search"), shown = document.getElementById("shown");
const body = document.getElementById("rows");
const rows = Array.from(body.rows, row => [row, row.textContent.toLowerCase()]);
function filter() {{
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let count = 0;
  for (const [row, text] of rows) {{
    row.hidden = !words.every(word => text.includes(word));
    count += !row.hidden;
  }}
  shown.textContent = words.length ? count + " found" : "";
}}
search.addEventListener("input", filter);
search.value = new URLSearchParams(location.search).get("q") || "";
filter();
</script>
"""


def page(title: str, body: str, kind: str = "text") -> str:
    """Return a whole page. No store path in it is one that a search for references would find."""
    return _PAGE.format(title=title, kind=kind, body=_DIGEST.sub(r"\1<wbr>\2", body))


def from_markdown(text: str, place: str) -> tuple[str, str]:
    """Return the title and the body of a page at ``place`` (``""`` or ``docs/``) of Markdown."""
    import markdown

    body = markdown.markdown(text, extensions=("extra", "sane_lists", "toc"))
    found = _TITLE.search(body)
    title = re.sub(r"<[^>]+>", "", found[1]) if found else "Fixpoint"
    return title, linked(body, place)


def linked(body: str, place: str) -> str:
    """Return a body of a page at ``place`` whose links between files lead to pages."""
    return _LINK.sub(lambda link: _link(link, place), body)


def _link(link: re.Match[str], place: str) -> str:
    """Return a link between files of the project as one between pages, or to a file's source."""
    attribute, target, anchor = link[1], link[2], link[3] or ""
    path = target.removeprefix("../") if target.startswith("../") else place + target
    return f'{attribute}="{_address(path)}{anchor}"'


def _address(path: str) -> str:
    """Return the address of a file of the project."""
    if path == "README.md":
        return "/"
    if path == "docs/index.md":  # The list of all pages has its name.
        return "/docs/store-index.html"
    if re.fullmatch(r"docs/[a-z-]+\.(md|png|svg)", path):
        return "/" + path.replace(".md", ".html")
    return SOURCE + path


def packages(lines: str) -> str:
    """Return the list of packages, of which those of the ladder are named by stage 2."""
    rows = []
    for row in map(json.loads, lines.splitlines()):
        name = row["package"].removeprefix("stage2.")
        if row.get("version") and re.fullmatch(r"[a-z0-9][a-z0-9+-]*", name):
            rows.append((name, _package(name, row)))
    body = "\n".join(text for _, text in sorted(dict(rows).items()))
    return page("Packages", _SEARCH.format(count=len(dict(rows)), rows=body), "wide")


def _package(name: str, row: dict[str, Any]) -> str:
    texts = {key: escape(str(row.get(key) or "")) for key in ("version", "description", "licence")}
    link = f'<a href="{escape(row["homepage"])}">{name}</a>' if row.get("homepage") else name
    return (
        f'<tr id="{name}"><th scope="row">{link}<td>{texts["version"]}<td>{texts["description"]}'
        f"<td>{escape(row['group'])}<td>{texts['licence']}"
    )


def audit(ledger: str) -> str:
    """Return the page on which seeds and stages came to which paths."""
    ways: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    seeds = set()
    for row in csv.DictReader(ledger.splitlines(), delimiter="\t"):
        stage, _, name = row["package"].partition(".")
        seeds.add(row["seed"])
        if re.fullmatch(r"stage\d", stage) and row["path"].startswith("/store/"):
            ways[name][row["path"]].append(f"{row['seed']} {stage}")
    same = [name for name, paths in ways.items() if len(paths) == 1]
    title = f"{len(same)} of {len(ways)} packages: one path, whichever the seed"
    rows = "\n".join(_audit_row(name, paths) for name, paths in sorted(ways.items()))
    return page(
        "Audit",
        f"<h1>{title}</h1>\n<p>A path is made of what is in it. Each package of the ladder is built"
        f" from {len(seeds)} seeds ({', '.join(sorted(seeds))}) that share no binary, and then by"
        " itself, stage after stage. Where all came to one path, no seed left a trace."
        ' <a href="/docs/audit.html">How to do that yourself</a>.</p>\n'
        f"<table><thead><tr><th>Package<th>Path<th>Came out of</tr></thead><tbody>{rows}"
        "</tbody></table>",
        "wide",
    )


def _audit_row(name: str, paths: dict[str, list[str]]) -> str:
    cells = []
    for path, ways in sorted(paths.items()):
        stages = defaultdict(list)
        for seed, stage in sorted(way.split() for way in ways):
            stages[seed].append(stage.removeprefix("stage"))
        said = "; ".join(f"{seed}, stages {' '.join(found)}" for seed, found in stages.items())
        cells.append(f"<td><code>{escape(path)}</code><td>{said}")
    return f'<tr><th scope="row" rowspan="{len(cells)}">{name}' + "<tr>".join(cells)


def cache() -> str:
    """Return the page on the binary cache."""
    return page(
        "Cache",
        "<h1>A cache of builds</h1>\n<p>This machine serves what was pushed to it. Nothing that"
        " comes from it is believed: trust the keys of those who built.</p>\n"
        "<pre><code>store key trust NAME:KEY\n"
        "store realise --cache http://THIS-MACHINE/cache --cache-only gcc</code></pre>\n"
        '<p><a href="/docs/cache.html">More on caches</a>.</p>',
    )


def pages(project: Path, listing: str, ledger: str) -> Iterator[tuple[str, str]]:
    """Yield all pages, each with its path."""
    title, body = from_markdown((project / "README.md").read_text(), "")
    yield "index.html", page(title, body)
    contents = []
    for file in sorted((project / "docs").glob("*.md")):
        title, body = from_markdown(file.read_text(), "docs/")
        address = _address(f"docs/{file.name}")
        contents.append(f'<li><a href="{address}">{title}</a>')
        yield address.removeprefix("/"), page(f"{title} · Fixpoint", body)
    listed = "\n".join(contents)
    yield "docs/index.html", page("Docs · Fixpoint", f"<h1>Docs</h1>\n<ul>\n{listed}\n</ul>")
    yield "packages.html", packages(listing)
    yield "audit.html", audit(ledger)
    yield "cache.html", cache()


def main(project: Path, listing: Path, ledger: Path, out: Path) -> None:
    """Write all pages below ``out``."""
    for path, text in pages(project, listing.read_text(), ledger.read_text()):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    for kind in ("png", "svg"):
        for picture in (project / "docs").glob(f"*.{kind}"):
            (out / "docs" / picture.name).write_bytes(picture.read_bytes())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
