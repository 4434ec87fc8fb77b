"""An audit's findings as one page of HTML: complete in itself, without requests for more.

The page needs no script and makes no request; its policy forbids both. Text from a build or from
others is escaped, and invisible characters are made visible.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import Any, TypeVar

import click

from store.cli.context import Context
from store.cli.pages import picture
from store.cli.pages.page import check_page_writable, definitions, visible, whole, write_page
from store.cli.pages.picture import SEVERITY, SIGNS, worst
from store.cli.wording import counted
from store.display import printable
from store.errors import StoreError
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.model.names import ObjectId
from store.model.verdict import AuditFinding, Difference, Verdict
from store.quantities import seconds_text
from store.sandbox.variation import CONTROL

F = TypeVar("F", bound=Callable[..., Any])

DIFFERENCES_SHOWN = 500
"""Differences of one finding; the page says how many more there are."""

TEXT_SHOWN = 200_000
"""Characters of HTML that its differences may take: paths may be long, and hard to show."""

LABELS = {"against": ("here", "elsewhere"), "ledger": ("in the ledger", "here")}
"""The names of the expected and the actual object, by check, where others are clearer."""

_ASKED = "store.cli.pages.report"


def html_option(function: F) -> F:
    """Add ``--html`` to a command of audits; :func:`write_asked` then writes the page."""

    def ask(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value:
            check_page_writable(value)
            ctx.meta[_ASKED] = value

    return click.option(
        "--html",
        metavar="FILE",
        callback=ask,
        expose_value=False,
        help="Write a page with the verdicts, the ladder as a picture, and every difference.",
    )(function)


def write_asked(findings: Sequence[AuditFinding]) -> None:
    """Write the page that the running command was asked for, if it was. Raises StorageError."""
    ctx = click.get_current_context(silent=True)
    path = None if ctx is None else ctx.meta.get(_ASKED)
    if ctx is None or path is None:
        return
    context = ctx.find_object(Context)
    assert context is not None
    try:
        catalogue = context.catalogue
    except StoreError:  # without recipes there is no ladder to draw, and all else still holds
        catalogue = None
    facts = [
        ("Command", shlex.join(["store", *sys.argv[1:]])),
        ("Made", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("Machine", f"{platform.machine()}, Linux {platform.release()}, {os.cpu_count()} cores"),
        ("Seed", context.seed),
    ]
    timed = [_timed(context.store, finding) for finding in findings]
    write_report(path, timed, facts=facts, catalogue=catalogue)
    click.echo(f"the report is in {printable(path)}", err=True)


def _timed(store: Store, finding: AuditFinding) -> AuditFinding:
    """Return the finding with the time that the build recorded took, where nothing was built
    again."""
    if finding.seconds is not None or finding.key is None or finding.check == "rebuild":
        return finding
    records = store.realisations.of(finding.key, finding.output)
    return replace(finding, seconds=records[0].duration / 1000) if records else finding


def write_report(
    path: str,
    findings: Sequence[AuditFinding],
    *,
    facts: Sequence[tuple[str, str]] = (),
    catalogue: Catalogue | None = None,
) -> None:
    """Write the page in the place of whatever file was there; into a pipe or device, if it is one.
    Raises StorageError.

    ``facts`` gives the circumstances of the audit, in names and values; the ladder is drawn from
    ``catalogue``.
    """
    write_page(path, page(findings, facts=facts, catalogue=catalogue))


def page(
    findings: Sequence[AuditFinding],
    *,
    facts: Sequence[tuple[str, str]] = (),
    catalogue: Catalogue | None = None,
) -> str:
    """Return the whole page."""
    groups = _groups(findings)
    verdicts = [worst(item.verdict for item in group) for group in groups]
    verdict = worst(filter(None, verdicts)) or Verdict.UNKNOWN
    anchors: dict[str, str] = {}
    for number, group in enumerate(groups):
        anchors.setdefault(group[0].subject, f"o{number}")
    said = sentence(Counter(filter(None, verdicts)))
    parts = {
        "verdict": verdict.value,
        "sign": SIGNS[verdict],
        "sentence": escape(said),
        "counts": "".join(_count(item, verdicts.count(item)) for item in Verdict),
        "picture": _figure(findings, catalogue, anchors),
        "rows": "\n".join(_group(group, f"o{number}") for number, group in enumerate(groups)),
        "facts": definitions(facts),
    }
    return whole("report", escape(f"{SIGNS[verdict]} {said}"), parts)


def sentence(counts: Counter[Verdict]) -> str:
    """Return the sum of it all; ``counts`` has the outputs by verdict."""
    total = counts.total()
    outputs = counted(total, "output")
    differing, failed, unknown = (
        counts[verdict] for verdict in (Verdict.DIFFERS, Verdict.FAILED, Verdict.UNKNOWN)
    )
    if total == 0:
        return "Nothing was compared."
    rest = [f"{failed} failed"] * bool(failed) + [f"{unknown} unknown"] * bool(unknown)
    also = f"; {', '.join(rest)}" if rest else ""
    if differing:
        return f"{differing} of {outputs} {'differs' if differing == 1 else 'differ'}{also}."
    if failed:
        return f"{counts[Verdict.REPRODUCED]} of {outputs} reproduced{also}."
    if unknown == total:
        return "There was nothing to compare with."
    if unknown:
        return f"{counts[Verdict.REPRODUCED]} of {outputs} reproduced, none differs{also}."
    return "The output is reproduced." if total == 1 else f"All {outputs} are reproduced."


def _groups(findings: Sequence[AuditFinding]) -> list[list[AuditFinding]]:
    """Return findings by the output that they are about, the worst first, otherwise as they
    came."""
    groups: dict[tuple[str, str], list[AuditFinding]] = {}
    for finding in findings:
        groups.setdefault((finding.subject, finding.output), []).append(finding)
    return sorted(groups.values(), key=lambda group: min(SEVERITY.index(x.verdict) for x in group))


def _figure(
    findings: Sequence[AuditFinding], catalogue: Catalogue | None, anchors: dict[str, str]
) -> str:
    if catalogue is None:
        return ""
    drawn = picture.picture(findings, catalogue, anchors)
    if not drawn.columns:
        return ""
    key = ", ".join(f"{sign} {verdict.value}" for verdict, sign in SIGNS.items())
    return (
        '<section aria-labelledby="ladder-title"><h2 id="ladder-title">The ladder</h2><figure>'
        f"{picture.wide(drawn)}{picture.narrow(drawn)}"
        f"<figcaption>The inputs and results of builds, from the seed on: {key}, "
        f"{picture.UNEXAMINED} not examined.</figcaption></figure></section>"
    )


def _count(verdict: Verdict, count: int) -> str:
    kind = verdict.value if count else f"{verdict.value} none"
    return f'<li class="badge {kind}">{SIGNS[verdict]} {count} {verdict.value}</li>'


def _group(group: Sequence[AuditFinding], anchor: str) -> str:
    rows = "".join(_row(alike) for alike in _alike(group))
    return f'<tbody id="{anchor}">{rows}</tbody>'


def _alike(group: Sequence[AuditFinding]) -> list[list[AuditFinding]]:
    """Return the findings of an output, the worst first, those together that one row can tell of:
    of one verdict and the same objects, and without anything that is to be looked at of each.
    """
    rows: dict[tuple[object, ...], list[AuditFinding]] = {}
    for number, finding in enumerate(sorted(group, key=lambda item: SEVERITY.index(item.verdict))):
        alone = finding.differences or finding.logs or finding.kept
        told = "" if _is_bare(finding) else finding.detail
        same = (finding.check, finding.verdict, finding.expected, finding.actual, finding.cause)
        rows.setdefault((*same, told, number if alone else None), []).append(finding)
    return list(rows.values())


def _row(alike: Sequence[AuditFinding]) -> str:
    finding = alike[0]
    kind = finding.verdict.value
    varied = dict.fromkeys(
        "nothing" if item.variation == CONTROL.name else item.variation or "" for item in alike
    )
    cells = (
        f'<td><span class="badge {kind}">{SIGNS[finding.verdict]} {kind}</span></td>'
        f'<th scope="row">{_title(alike)}</th>'
        f'<td class="objects">{_objects(finding) or _reasons(alike)}</td>'
        f"{_cell('Time', _times(alike), 'time')}{_cell('Varied', ', '.join(filter(None, varied)))}"
        f"{_cell('Cause', finding.cause or '')}"
    )
    more = _more(finding)
    below = f'<tr class="more"><td colspan="6">{more}</td></tr>' if more else ""
    return f'<tr class="finding {kind}-row">{cells}</tr>{below}'


def _times(alike: Sequence[AuditFinding]) -> str:
    """Return the time that it took, or the least and the most of several."""
    seconds = sorted(item.seconds for item in alike if item.seconds is not None)
    ends = dict.fromkeys(seconds_text(value) for value in (*seconds[:1], *seconds[-1:]))
    return " to ".join(ends)


def _title(alike: Sequence[AuditFinding]) -> str:
    finding = alike[0]
    name = finding.subject if finding.output == "out" else f"{finding.subject}^{finding.output}"
    told = dict.fromkeys(_compared(item) for item in alike)
    return visible(name) + "".join(f"<small>{visible(line)}</small>" for line in told)


def _compared(finding: AuditFinding) -> str:
    told = finding.check
    if finding.counterpart:
        told += f": with {finding.counterpart}"
    if finding.seeds:
        told += f", seed {' and '.join(dict.fromkeys(finding.seeds))}"
    return told


def _objects(finding: AuditFinding) -> str:
    expected, actual = finding.expected, finding.actual
    if expected is not None and expected == actual:
        return f'<span class="label">both</span>{_object(expected)}'
    lines = []
    first, second = LABELS.get(finding.check, ("expected", "came out"))
    for label, oid, kind in ((first, expected, ""), (second, actual, "other")):
        if oid is not None:
            lines.append(f'<span class="label">{label}</span>{_object(oid, kind)}')
    return "".join(lines)


def _reasons(alike: Sequence[AuditFinding]) -> str:
    """Return why there is no object: in the place of one, so that an output takes one row."""
    told = dict.fromkeys(item.detail for item in alike if _is_bare(item))
    return "".join(f"<small>{visible(detail)}</small>" for detail in told)


def _is_bare(finding: AuditFinding) -> bool:
    return finding.expected is None and finding.actual is None and "\n" not in finding.detail


def _object(oid: ObjectId, kind: str = "") -> str:
    # Where a line may break: in front of the name, rather than anywhere in the digest.
    attribute = f' class="{kind}"' if kind else ""
    return f"<code{attribute}>{oid.text}<wbr>-{visible(oid.name)}</code>"


def _cell(label: str, text: str, kind: str = "") -> str:
    kinds = " ".join(filter(None, (kind, "" if text else "empty")))
    attribute = f' class="{kinds}"' if kinds else ""
    return f'<td{attribute} data-label="{label}">{visible(text)}</td>'


def _more(finding: AuditFinding) -> str:
    told = [] if _is_bare(finding) else finding.detail.splitlines()
    parts = [f"<p>{visible(line)}</p>" for line in told if line.strip()]
    if finding.differences:
        items = _shown(finding.differences)
        more = len(finding.differences) - len(items)
        if more:
            items.append(f"<li>and {more} more</li>")
        parts.append(_details(counted(len(finding.differences), "difference"), items))
    if finding.logs or finding.kept or finding.verdict is not Verdict.REPRODUCED:
        items = [f"<li>log <code>{visible(path)}</code></li>" for path in finding.logs]
        if finding.kept:
            items.append(f"<li>tree <code>{visible(finding.kept)}</code></li>")
        if finding.key is not None:
            items.append(f"<li>key <code>{finding.key.hex()}</code></li>")
        label = counted(len(finding.logs), "log") if finding.logs else "Key"
        parts += [_details(label, items)] * bool(items)
    return "".join(parts)


def _details(summary: str, items: Sequence[str]) -> str:
    return f"<details><summary>{summary}</summary><ul>{''.join(items)}</ul></details>"


def _shown(differences: Sequence[Difference]) -> list[str]:
    items, left = [], TEXT_SHOWN
    for difference in differences[:DIFFERENCES_SHOWN]:
        items.append(_difference(difference))
        left -= len(items[-1])
        if left < 0:
            break
    return items


def _difference(difference: Difference) -> str:
    told = difference.kind
    if difference.offset is not None:
        told += f" at byte {difference.offset}"
    if difference.place:
        told += f" in {difference.place}"
    if difference.detail:
        told += f": {difference.detail}"
    return f"<li><code>{visible(difference.path)}</code> <span>{visible(told)}</span></li>"
