"""``store sbom``: bills of packages that were not built, and words that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Line


@pytest.mark.slow
def test_a_package_of_the_world_has_a_bill_before_it_is_built(
    line: Line, reader: Line, tmp_path: Path
) -> None:
    file = tmp_path / "bill"
    done = line.run("sbom", "zlib", "-o", str(file))
    assert (done.stdout, done.stderr) == ("", "")
    document = json.loads(file.read_text())
    assert document["specVersion"] == "1.6"
    assert document["metadata"]["component"]["name"] == "zlib"
    names = [part["name"] for part in document["components"]]
    assert "seed-debian-userland" in names
    assert not line.root.exists()
    assert file.read_text() == reader.run("sbom", "zlib").stdout
    spdx = json.loads(reader.run("sbom", "--format", "spdx", "zlib").stdout)
    assert spdx["spdxVersion"] == "SPDX-2.3"


def test_bad_words_are_refused_with_their_own_codes(reader: Line, tmp_path: Path) -> None:
    assert "did you mean" in reader.run("sbom", "zlob", code=11).stderr
    assert "'lib'" in reader.run("sbom", "zlib^lib", code=12).stderr
    assert "cyclonedx" in reader.run("sbom", "--format", "swid", "zlib", code=2).stderr
    reader.run("sbom", code=2)
    missing = str(tmp_path / "no" / "folder")
    refused = reader.run("sbom", "zlib", "-o", missing, code=50).stderr
    assert refused == (
        f"store: cannot write the bill '{missing}': No such file or directory\n"
        "  hint: choose another place for it\n"
    )
    assert reader.run("sbom", "zlib", "-o", str(tmp_path), code=50).stdout == ""


def test_both_forms_go_into_one_pipe_or_file(reader: Line) -> None:
    assert reader.run("sbom", "zlib", "-o", "/dev/stdout").stdout.startswith("{")
