"""Both forms, by their libraries' own validators."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from store.errors import UsageError
from store.local.store import Store
from store.model.catalogue import Catalogue
from store.sbom.bill import Bill
from store.sbom.collect import collect
from store.sbom.extra import check_extra

# Each worker imports this file, and one runs it: the libraries are imported late.


def cyclonedx_text(bill: Bill) -> str:
    from store.sbom import cyclonedx_form

    return cyclonedx_form.cyclonedx_text(bill)


def spdx_text(bill: Bill) -> str:
    from store.sbom import spdx_form

    return spdx_form.spdx_text(bill)


@pytest.fixture(params=["app", "app lib", "file", "file lib", "ours"])
def bill(store: Store, catalogue: Catalogue, request: pytest.FixtureRequest) -> Bill:
    return collect(store, catalogue, request.param.split(), seed="debian", engine="0")


@pytest.fixture
def app(store: Store, catalogue: Catalogue) -> Bill:
    return collect(store, catalogue, ["app"], seed="debian", engine="0")


def test_cyclonedx_is_valid_and_the_same_twice(bill: Bill) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = cyclonedx_text(bill)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert cyclonedx_text(bill) == text
    document = json.loads(text)
    refs = [document["metadata"]["component"]["bom-ref"]]
    refs += [part["bom-ref"] for part in document.get("components", ())]
    assert sorted(refs) == sorted(each["ref"] for each in document["dependencies"])
    assert len(refs) == len(set(refs))


def test_spdx_is_valid_and_the_same_twice(bill: Bill, tmp_path: Path) -> None:
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    text = spdx_text(bill)
    assert spdx_text(bill) == text
    file = tmp_path / "bill.spdx.json"
    file.write_text(text)
    messages = validate_full_spdx_document(parse_file(str(file)))
    assert [each.validation_message for each in messages] == []


def by_name(parts: list[Any]) -> dict[str, Any]:
    return {part["name"]: part for part in parts}


def test_cyclonedx_has_facts_in_its_own_fields(app: Bill) -> None:
    document = json.loads(cyclonedx_text(app))
    main, parts = document["metadata"]["component"], by_name(document["components"])
    assert main["licenses"] == [{"license": {"id": "GPL-2.0-or-later"}}]
    assert parts["tool"]["licenses"] == [{"expression": "MIT OR Zlib"}]
    assert parts["lib"]["licenses"] == [{"license": {"name": "Odd"}}]
    assert main["purl"] == "pkg:generic/app@2"
    assert (parts["lib"]["scope"], parts["tool"]["scope"]) == ("required", "excluded")
    [place] = parts["app_2.orig.tar.xz"]["externalReferences"]
    assert place["url"] == "debian:pool/main/a/app/app_2.orig.tar.xz"
    assert parts["app_2.orig.tar.xz"]["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]
    patches = {each["diff"]["url"]: each["type"] for each in main["pedigree"]["patches"]}
    archive = "debian:pool/main/a/app/app_2-1.debian.tar.xz"
    assert patches == {
        "patches/ours.patch": "unofficial",
        f"{archive}#debian/patches/CVE-1.patch": "backport",
    }
    facts = [(each["name"], each["value"]) for each in main["properties"]]
    assert ("fixpoint:patches-outstanding", "unknown") in facts


def test_spdx_has_facts_in_its_own_fields(app: Bill) -> None:
    document = json.loads(spdx_text(app))
    parts = by_name(document["packages"])
    assert parts["tool"]["licenseDeclared"] == "MIT OR Zlib"
    assert parts["lib"]["licenseDeclared"] == "NOASSERTION"
    assert parts["lib"]["licenseComments"] == "Odd"
    assert parts["lib-1.tar.gz"]["downloadLocation"] == "https://lib.example/lib-1.tar.gz"
    assert parts["app_2.orig.tar.xz"]["downloadLocation"] == "NOASSERTION"
    said = parts["app"]["sourceInfo"]
    assert "ours.patch" in said
    assert "CVE-1.patch of app_2-1.debian.tar.xz" in said
    assert said.endswith("patches outstanding: unknown")
    ids = {part["SPDXID"]: name for name, part in parts.items()}
    edges = {
        (ids.get(each["spdxElementId"]), each["relationshipType"], ids[each["relatedSpdxElement"]])
        for each in document["relationships"]
    }
    assert {
        (None, "DESCRIBES", "app"),
        ("tool", "BUILD_TOOL_OF", "app"),
        ("lib", "BUILD_DEPENDENCY_OF", "app"),
        ("app", "GENERATED_FROM", "app_2.orig.tar.xz"),
    } <= edges


@pytest.mark.parametrize(
    ("form", "module", "package"),
    [("cyclonedx", "cyclonedx", "cyclonedx-python-lib"), ("spdx", "spdx_tools", "spdx-tools")],
)
def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, form: str, module: str, package: str
) -> None:
    check_extra(form)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=package) as refused:
        check_extra(form)
    assert "`sbom`" in str(refused.value.hint)
