"""A bill as CycloneDX 1.6 in JSON, drawn by cyclonedx-python-lib."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import (
    Component,
    ComponentScope,
    ComponentType,
    Diff,
    Patch,
    PatchClassification,
    Pedigree,
)
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_expression, is_supported_id
from packageurl import PackageURL

from store.sbom.bill import AppliedPatch, Bill, BillComponent, BillSource, ComponentUse
from store.sbom.extra import CREATED, ENGINE, as_uri, numbered, package_url

_NO_SERIAL: Final = UUID(int=0)
_GOALS: Final = "goals"
"""The key of the component that stands for several goals."""


def cyclonedx_text(bill: Bill) -> str:
    """Return the document; the same for the same bill. Its serial number is made from its text."""
    sources = {source.key: source for source in bill.sources}
    parts = {each.key: _component(each, sources) for each in bill.components}
    parts |= {source.key: _source(source) for source in bill.sources}
    below = {each.key: each.below for each in bill.components}
    goal = bill.goals[0]
    if len(bill.goals) > 1:
        goal, below[_GOALS] = _GOALS, bill.goals
        parts[goal] = Component(name=", ".join(bill.names), bom_ref=goal)
    main = parts.pop(goal)
    engine = Component(name=ENGINE, version=bill.engine, type=ComponentType.APPLICATION)
    bom = Bom(
        serial_number=_NO_SERIAL,
        metadata=BomMetaData(
            component=main,
            timestamp=CREATED,
            tools=ToolRepository(components=[engine]),
            properties=_facts([("seed", bill.seed), ("realised", str(bill.realised).lower())]),
        ),
        components=parts.values(),
        dependencies=[_dependency(key, below.get(key, ())) for key in (goal, *parts)],
    )
    return numbered(JsonV1Dot6(bom).output_as_string(indent=2) + "\n", _NO_SERIAL)


def _dependency(key: str, below: Iterable[str]) -> Dependency:
    return Dependency(BomRef(key), [Dependency(BomRef(each)) for each in below])


def _facts(pairs: Iterable[tuple[str, str]]) -> list[Property]:
    return [Property(name=f"fixpoint:{name}", value=value) for name, value in pairs]


def _component(part: BillComponent, sources: Mapping[str, BillSource]) -> Component:
    lists = {"tool": part.tools, "input": part.inputs, "refers": part.refers}
    keys = [(name, key) for name, found in lists.items() for key in found]
    url = package_url(part.name, part.version) if part.version else None
    patches = [_patch(patch, sources) for patch in part.patches]
    return Component(
        name=part.name,
        bom_ref=part.key,
        type=_type(part),
        scope=_scope(part.use),
        group=part.group or None,
        version=part.version or None,
        description=part.description or None,
        licenses=_licences(part.licence),
        purl=None if url is None else PackageURL.from_string(url),
        external_references=_homepage(part.homepage),
        properties=_facts([*part.facts, *keys]),
        pedigree=Pedigree(patches=patches) if patches else None,
    )


def _type(part: BillComponent) -> ComponentType:
    if part.kind != "build":
        return ComponentType.FILE
    return ComponentType.LIBRARY if part.group == "libs" else ComponentType.APPLICATION


def _scope(use: ComponentUse) -> ComponentScope:
    """Return excluded for all that is not there when a program of the goals runs."""
    return ComponentScope.EXCLUDED if use is ComponentUse.BUILD else ComponentScope.REQUIRED


def _licences(licence: str) -> list[DisjunctiveLicense | LicenseExpression]:
    if not licence:
        return []
    if is_supported_id(licence):
        return [DisjunctiveLicense(id=licence)]
    if is_expression(licence):
        return [LicenseExpression(licence)]
    return [DisjunctiveLicense(name=licence)]


def _homepage(address: str) -> list[ExternalReference]:
    if not address:
        return []
    return [ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(as_uri(address)))]


def _patch(patch: AppliedPatch, sources: Mapping[str, BillSource]) -> Patch:
    """Return a patch by its place: in an archive of Debian's, or among the recipes."""
    place = f"patches/{patch.name}"
    kind = PatchClassification.UNOFFICIAL
    if patch.source:
        kind = PatchClassification.BACKPORT
        place = f"{(*sources[patch.source].locators, patch.source)[0]}#debian/{place}"
    return Patch(type=kind, diff=Diff(url=XsUri(as_uri(place))))


def _source(source: BillSource) -> Component:
    places = [XsUri(as_uri(locator)) for locator in source.locators]
    return Component(
        name=source.name,
        bom_ref=source.key,
        type=ComponentType.FILE,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=source.sha256)],
        external_references=[
            ExternalReference(type=ExternalReferenceType.SOURCE_DISTRIBUTION, url=place)
            for place in places
        ],
        scope=ComponentScope.EXCLUDED,
        properties=_facts([("use", "source")]),
    )
