"""Bills of packages that were built: paths, and what their outputs refer to."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.conftest import Shop


def facts(part: dict[str, Any]) -> dict[str, str]:
    return {each["name"].removeprefix("fixpoint:"): each["value"] for each in part["properties"]}


def test_references_of_outputs_are_told_from_inputs(shop: Shop) -> None:
    paths = {name: shop.path("realise", name) for name in ("upstream", "downstream")}
    document = json.loads(shop.path("sbom", "downstream"))
    main = document["metadata"]["component"]
    parts = {part["name"]: part for part in document["components"]}
    assert facts(main)["path:out"] == paths["downstream"]
    assert facts(main)["refers"] == parts["upstream"]["bom-ref"]
    assert facts(parts["upstream"])["path:out"] == paths["upstream"]
    assert facts(parts["upstream"])["use"] == "output"
    assert facts(parts["seed-debian-userland"])["use"] == "build"
    assert facts({"properties": document["metadata"]["properties"]})["realised"] == "true"

    spdx = json.loads(shop.path("sbom", "--format", "spdx", "downstream"))
    ids = {part["name"]: part["SPDXID"] for part in spdx["packages"]}
    edges = [
        (each["spdxElementId"], each["relationshipType"], each["relatedSpdxElement"])
        for each in spdx["relationships"]
    ]
    assert (ids["upstream"], "RUNTIME_DEPENDENCY_OF", ids["downstream"]) in edges


def test_a_bill_of_several_outputs_has_the_references_of_each(shop: Shop) -> None:
    shop.path("realise", "pair^*")
    document = json.loads(shop.path("sbom", "pair^*", "itself"))
    [goals] = [each for each in document["dependencies"] if each["ref"] == "goals"]
    assert len(goals["dependsOn"]) == 2
    pair = next(part for part in document["components"] if part["name"] == "pair")
    assert {"path:out", "path:lib"} <= facts(pair).keys()
    assert "refers" not in facts(pair)
