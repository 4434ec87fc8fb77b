"""The ladder as a picture: stages as columns, packages as boxes with their verdicts, as SVG.

It is drawn twice from one value: with columns side by side for wide pages, and with bands one below
the other for narrow ones. Colours come from the page's style sheet; every box has its verdict's
sign too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from store.cli.pages.text_width import fitted
from store.model.catalogue import Catalogue
from store.model.derivation import BUILTIN, Source
from store.model.verdict import AuditFinding, Verdict

SIGNS = {
    Verdict.REPRODUCED: "✓",
    Verdict.DIFFERS: "≠",
    Verdict.FAILED: "✗",
    Verdict.UNKNOWN: "?",
}
UNEXAMINED = "·"
SEVERITY = (Verdict.DIFFERS, Verdict.FAILED, Verdict.UNKNOWN, Verdict.REPRODUCED)
"""The worst first."""
COMPARED = (Verdict.DIFFERS, Verdict.REPRODUCED)
"""Verdicts that are true of both packages that were compared; the others are of the one alone."""

BOX = (148, 26)  # width and height of a box, in units of the picture
GAP = (44, 8)
HEAD = 58  # height above the first box, for arrows and headings
TALLEST = 20  # boxes in a column before it goes on beside itself
BAND_WIDTH = 328
BAND_BOXES = 3  # beside each other in a band
LETTERS = 12  # size of the font in a wide picture, as `report.css` has it
HEAD_LETTERS = 13
SMALL_LETTERS = 11  # in a narrow one, headings too
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>'
)


@dataclass(frozen=True)
class PackageBox:
    """A package. ``anchor`` is the page's part about it, if there is one."""

    name: str
    verdict: Verdict | None
    anchor: str = ""

    @property
    def label(self) -> str:
        """The name within its stage."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Column:
    """A stage with its packages; ``below`` are the stages that it is built with."""

    name: str
    boxes: tuple[PackageBox, ...]
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """Columns in the order in which they are built. ``twins`` are packages in different columns
    that were compared, the later one first.
    """

    columns: tuple[Column, ...]
    twins: Mapping[tuple[str, str], Verdict] = field(default_factory=dict)


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the first of :data:`SEVERITY` that is among them."""
    found = set(verdicts)
    return next((verdict for verdict in SEVERITY if verdict in found), None)


def picture(
    findings: Sequence[AuditFinding], catalogue: Catalogue, anchors: Mapping[str, str]
) -> Picture:
    """Return the packages that findings are about, and those that they are built from.

    ``anchors`` has the part of the page about a subject.
    """
    names = _published(catalogue)
    about: dict[str, list[AuditFinding]] = {}
    for finding in findings:
        for subject in filter(None, (finding.subject, finding.counterpart)):
            package = catalogue.packages.get(subject.partition("^")[0])
            if package is not None and package.node in names:
                about.setdefault(names[package.node], []).append(finding)
    shown = _order(catalogue, names, {*about, *_seeds(findings, names.values())})
    columns: dict[str, list[PackageBox]] = {}
    for name in shown.values():
        own = [item for item in about.get(name, []) if _name(catalogue, names, item) == name]
        judged = own or [item for item in about.get(name, []) if item.verdict in COMPARED]
        anchor = next((anchors[item.subject] for item in judged if item.subject in anchors), "")
        box = PackageBox(name, worst(item.verdict for item in judged), anchor)
        columns.setdefault(_stage(name), []).append(box)
    return Picture(
        tuple(
            Column(stage, tuple(boxes), _below(catalogue, shown, stage))
            for stage, boxes in columns.items()
        ),
        _twins(findings, catalogue, names),
    )


def _published(catalogue: Catalogue) -> dict[bytes, str]:
    """Return one name for each package that is built: with its stage, where it has several."""
    names: dict[bytes, str] = {}
    for name, package in catalogue.packages.items():
        known = names.get(package.node)
        if not isinstance(catalogue.nodes[package.node], Source) and (
            known is None or ("." in name and "." not in known)
        ):
            names[package.node] = name
    return names


def _name(catalogue: Catalogue, names: Mapping[bytes, str], finding: AuditFinding) -> str | None:
    package = catalogue.packages.get(finding.subject.partition("^")[0])
    return None if package is None else names.get(package.node)


def _seeds(findings: Sequence[AuditFinding], names: Iterable[str]) -> set[str]:
    wanted = {f"seed.{seed}" for finding in findings for seed in finding.seeds}
    return wanted & set(names)


def _order(
    catalogue: Catalogue, names: Mapping[bytes, str], about: Collection[str]
) -> dict[bytes, str]:
    """Return the packages to show, inputs first."""
    goals = [catalogue.packages[name].node for name in sorted(about)]
    return {
        node: names[node]
        for node in catalogue.build_closure(goals)
        if node in names and (names[node] in about or not _is_unpacked(catalogue, node, names))
    }


def _is_unpacked(catalogue: Catalogue, node: bytes, names: Mapping[bytes, str]) -> bool:
    """Return whether it is no more than somebody's sources. Seeds are unpacked too, but they
    matter."""
    value = catalogue.nodes[node]
    unpacked = not isinstance(value, Source) and value.builder.startswith(BUILTIN)
    return unpacked and _stage(names[node]) != "seed"


def _stage(name: str) -> str:
    return name.partition(".")[0] if "." in name else "packages"


def _below(catalogue: Catalogue, shown: Mapping[bytes, str], stage: str) -> tuple[str, ...]:
    """Return the other stages whose packages a stage's packages are built from at first hand."""
    found = {}
    for node, name in shown.items():
        if _stage(name) == stage:
            for below in catalogue.build_closure(
                (ref.node for ref in catalogue.inputs(node)), lambda inner: inner in shown
            ):
                if below in shown and _stage(shown[below]) != stage:
                    found[_stage(shown[below])] = True
    return tuple(found)


def _twins(
    findings: Sequence[AuditFinding], catalogue: Catalogue, names: Mapping[bytes, str]
) -> dict[tuple[str, str], Verdict]:
    found: dict[tuple[str, str], Verdict] = {}
    for finding in findings:
        other = catalogue.packages.get(finding.counterpart.partition("^")[0])
        subject = _name(catalogue, names, finding)
        if subject and other is not None and names.get(other.node, subject) != subject:
            pair = subject, names[other.node]
            both = [finding.verdict, *([found[pair]] if pair in found else [])]
            found[pair] = worst(both) or finding.verdict
    return found


# -- drawing ----------------------------------------------------------------------------------


def wide(drawn: Picture) -> str:
    """Return the picture with its stages as columns."""
    places, spans, height = _places(drawn)
    width = max((left + BOX[0] for left, _ in places.values()), default=0)
    parts = [TIP, *(_arrow(spans, column) for column in drawn.columns)]
    for column in drawn.columns:
        heading = fitted(column.name, BOX[0], HEAD_LETTERS, bold=True)
        parts.append(_heading(spans[column.name][0] + BOX[0] // 2, HEAD - 12, heading))
        parts += [_box(box, *places[box.name], BOX[0]) for box in column.boxes]
    for (later, earlier), verdict in drawn.twins.items():
        if later in places and earlier in places:
            parts.append(_twin(places[later], places[earlier], verdict))
    return _svg("wide", width + 2, height, drawn, "".join(parts))


def narrow(drawn: Picture) -> str:
    """Return the picture with its stages as bands, for a phone."""
    box_width = (BAND_WIDTH - (BAND_BOXES - 1) * GAP[1]) // BAND_BOXES
    parts, top, rows = [], 18, _rows(drawn)
    for column in drawn.columns:
        built_with = f" ← {', '.join(column.below)}" if column.below else ""
        heading = fitted(column.name + built_with, BAND_WIDTH, SMALL_LETTERS, bold=True)
        parts.append(_heading(BAND_WIDTH // 2, top, heading))
        top += 12
        for index, box in enumerate(sorted(column.boxes, key=lambda box: rows[box.label])):
            row, place = divmod(index, BAND_BOXES)
            left = place * (box_width + GAP[1])
            parts.append(_box(box, left, top + row * (BOX[1] + GAP[1]), box_width))
        top += -(-len(column.boxes) // BAND_BOXES) * (BOX[1] + GAP[1]) + 22
    return _svg("narrow", BAND_WIDTH, top - 22, drawn, "".join(parts))


def _places(
    drawn: Picture,
) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]], int]:
    """Return each box's corner, each column's left and right edge, and the height of it all.

    Packages of one name stand in one row, whatever their stage.
    """
    rows = _rows(drawn)
    places, spans, left, lowest = {}, {}, 1, 0
    for column in drawn.columns:
        order = {box.name: rows[box.label] for box in column.boxes}
        if len(drawn.columns) == 1 or len(column.boxes) == 1:
            order = {box.name: number for number, box in enumerate(column.boxes)}
        deepest = 0
        for name, row in order.items():
            beside, down = divmod(row, TALLEST)
            deepest = max(deepest, beside)
            top = HEAD + down * (BOX[1] + GAP[1])
            places[name] = (left + beside * (BOX[0] + GAP[1]), top)
            lowest = max(lowest, top + BOX[1])
        right = left + deepest * (BOX[0] + GAP[1]) + BOX[0]
        spans[column.name] = (left, right)
        left = right + GAP[0]
    return places, spans, lowest + 2


def _rows(drawn: Picture) -> dict[str, int]:
    """Return a row for each name; those that stand in one column only share rows with each
    other."""
    rows: dict[str, int] = {}
    shared = [box.label for column in drawn.columns for box in column.boxes]
    for label in dict.fromkeys(name for name in shared if shared.count(name) > 1):
        rows[label] = len(rows)
    for column in drawn.columns:
        taken = {rows[box.label] for box in column.boxes if box.label in rows}
        free = (row for row in range(len(shared) + 1) if row not in taken)
        for box in column.boxes:
            if box.label not in rows:
                rows[box.label] = next(free)
    return rows


def _arrow(spans: Mapping[str, tuple[int, int]], column: Column) -> str:
    """Draw the arrow from each stage below to this one: straight to a neighbour, over the others
    otherwise."""
    names = list(spans)
    parts = []
    for below in column.below:
        start, end = spans[below][1], spans[column.name][0]
        if start >= end:
            continue
        across = names.index(column.name) - names.index(below)
        if across == 1:
            path = f"M{start} {HEAD - 16}H{end - 3}"
        else:
            start, end = start - BOX[0] // 2, end + BOX[0] // 2
            path = f"M{start} {HEAD - 30}C{start} 2 {end} 2 {end} {HEAD - 31}"
        parts.append(f'<path class="arrow" d="{path}" marker-end="url(#tip)"/>')
    return "".join(parts)


def _twin(later: tuple[int, int], earlier: tuple[int, int], verdict: Verdict) -> str:
    left, right = sorted((later, earlier))
    start, end = left[0] + BOX[0], right[0]
    height = left[1] + BOX[1] // 2
    if left[1] != right[1] or end - start > 2 * GAP[0]:
        return ""
    sign = "=" if verdict is Verdict.REPRODUCED else SIGNS[verdict]
    return (
        f'<g class="twin {verdict.value}"><path d="M{start} {height}H{end}"/>'
        f'<circle cx="{(start + end) // 2}" cy="{height}" r="9"/>'
        f'<text x="{(start + end) // 2}" y="{height + 5}">{sign}</text></g>'
    )


def _box(box: PackageBox, left: int, top: int, width: int) -> str:
    kind = box.verdict.value if box.verdict else "unexamined"
    sign = SIGNS[box.verdict] if box.verdict else UNEXAMINED
    label = fitted(box.label, width - 26, LETTERS if width == BOX[0] else SMALL_LETTERS)
    drawn = (
        f"<title>{escape(box.name)}: {kind}</title>"
        f'<rect x="{left}" y="{top}" width="{width}" height="{BOX[1]}" rx="5"/>'
        f'<text class="sign" x="{left + 12}" y="{top + 18}">{sign}</text>'
        f'<text x="{left + 24}" y="{top + 18}">{label}</text>'
    )
    group = f'<g class="box {kind}">{drawn}</g>'
    return f'<a href="#{escape(box.anchor)}">{group}</a>' if box.anchor else group


def _heading(middle: int, base: int, text: str) -> str:
    return f'<text class="stage" x="{middle}" y="{base}">{text}</text>'


def _svg(kind: str, width: int, height: int, drawn: Picture, inside: str) -> str:
    stages = ", ".join(column.name for column in drawn.columns)
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="The packages examined, by stage: {escape(stages)}">'
        f"{inside}</svg>"
    )
