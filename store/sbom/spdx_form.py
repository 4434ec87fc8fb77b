"""A bill as SPDX 2.3 in JSON, drawn by spdx-tools."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from uuid import UUID

from license_expression import ExpressionError, LicenseExpression
from spdx_tools.common.spdx_licensing import spdx_licensing
from spdx_tools.spdx.model import (
    Actor,
    ActorType,
    Checksum,
    ChecksumAlgorithm,
    CreationInfo,
    Document,
    ExternalPackageRef,
    ExternalPackageRefCategory,
    Package,
    PackagePurpose,
    Relationship,
    RelationshipType,
    SpdxNoAssertion,
)
from spdx_tools.spdx.validation.uri_validators import validate_download_location, validate_url
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from store.sbom.bill import OUTSTANDING, Bill, BillComponent, BillSource
from store.sbom.extra import CREATED, ENGINE, as_uri, numbered, package_url

_DOCUMENT: Final = "SPDXRef-DOCUMENT"
_NO_NUMBER: Final = UUID(int=0)


def spdx_text(bill: Bill) -> str:
    """Return the document; the same for the same bill. Its namespace is made from its text."""
    archives = {source.key: source.name for source in bill.sources}
    document = Document(
        CreationInfo(
            spdx_version="SPDX-2.3",
            spdx_id=_DOCUMENT,
            name=", ".join(bill.names),
            document_namespace=f"urn:uuid:{_NO_NUMBER}",
            creators=[Actor(ActorType.TOOL, f"{ENGINE}-{bill.engine}")],
            created=CREATED.replace(tzinfo=None),
            document_comment=f"seed: {bill.seed}; realised: {str(bill.realised).lower()}",
        ),
        packages=[
            *(_component(part, archives) for part in bill.components),
            *map(_source, bill.sources),
        ],
        relationships=list(_relationships(bill)),
    )
    stream = io.StringIO()
    write_document_to_stream(document, stream, validate=False, drop_duplicates=False)
    return numbered(stream.getvalue() + "\n", _NO_NUMBER)


def _id(key: str) -> str:
    """Return an identifier, of letters, digits, dots and hyphens."""
    return "SPDXRef-" + "".join(each if each.isalnum() or each in ".-" else "-" for each in key)


def _relationships(bill: Bill) -> Iterator[Relationship]:
    for goal in bill.goals:
        yield Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _id(goal))
    for part in bill.components:
        for key in part.sources:
            yield Relationship(_id(part.key), RelationshipType.GENERATED_FROM, _id(key))
        for kind, keys in (
            (RelationshipType.BUILD_TOOL_OF, part.tools),
            (RelationshipType.BUILD_DEPENDENCY_OF, part.inputs),
            (RelationshipType.RUNTIME_DEPENDENCY_OF, part.refers),
        ):
            for key in keys:
                yield Relationship(_id(key), kind, _id(part.key))


def _component(part: BillComponent, archives: Mapping[str, str]) -> Package:
    licence = _licence(part.licence)
    unread = part.licence if part.licence and licence is None else ""
    homepage = part.homepage if not validate_url(part.homepage) else ""
    return Package(
        spdx_id=_id(part.key),
        name=part.name,
        download_location=SpdxNoAssertion(),
        version=part.version or None,
        files_analyzed=False,
        homepage=homepage or None,
        source_info=_applied(part, archives),
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion() if licence is None else licence,
        license_comment=unread or None,
        copyright_text=SpdxNoAssertion(),
        summary=part.description or None,
        external_references=list(_references(part)),
        primary_package_purpose=_purpose(part),
    )


def _licence(licence: str) -> LicenseExpression | None:
    """Return what a recipe says if it is an SPDX expression."""
    try:
        return spdx_licensing.parse(licence, validate=True, strict=True) if licence else None
    except ExpressionError:
        return None


def _applied(part: BillComponent, archives: Mapping[str, str]) -> str | None:
    """Return the patches that were applied, and that nobody looked for others."""
    if not part.sources:
        return None
    places = (f" of {archives[patch.source]}" if patch.source else "" for patch in part.patches)
    names = (patch.name for patch in part.patches)
    applied = ", ".join(map("".join, zip(names, places, strict=True)))
    return f"patches applied: {applied or 'none'}; patches outstanding: {OUTSTANDING}"


def _references(part: BillComponent) -> Iterator[ExternalPackageRef]:
    if part.version:
        kind = ExternalPackageRefCategory.PACKAGE_MANAGER
        yield ExternalPackageRef(kind, "purl", package_url(part.name, part.version))
    for name, value in part.facts:
        if not name.startswith("patch"):
            yield _other(name, value)


def _other(name: str, value: str) -> ExternalPackageRef:
    name = name.replace(":", "-")
    return ExternalPackageRef(ExternalPackageRefCategory.OTHER, f"fixpoint-{name}", as_uri(value))


def _purpose(part: BillComponent) -> PackagePurpose:
    if part.kind != "build":
        return PackagePurpose.FILE
    return PackagePurpose.LIBRARY if part.group == "libs" else PackagePurpose.APPLICATION


def _source(source: BillSource) -> Package:
    return Package(
        spdx_id=_id(source.key),
        name=source.name,
        download_location=_download(source.locators),
        file_name=source.name,
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, source.sha256)],
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        external_references=[_other("locator", locator) for locator in source.locators],
        primary_package_purpose=PackagePurpose.SOURCE,
    )


def _download(locators: Iterable[str]) -> str | SpdxNoAssertion:
    """Return the first locator that is a URL; places of the pool have no host."""
    for locator in locators:
        if "://" in locator and not validate_download_location(locator):
            return locator
    return SpdxNoAssertion()
