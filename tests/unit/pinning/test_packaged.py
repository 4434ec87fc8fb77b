"""Debian's words on a source are read where there are any."""

from __future__ import annotations

import pytest

from scripts.pinning import packaged
from scripts.pinning.packaged import Packaged
from scripts.pinning.trees import SourceTree

CONTROL = """\
Source: lz4
Build-Depends: debhelper

Package: liblz4-dev
# a remark
Description: Fast LZ compression algorithm library - development files
 It is fast.

Package: lz4
Description: fast compressor (development files)
 It is, too.
"""
COPYRIGHT = """\
Format: https://example.test/

Files: *
Copyright: somebody
License: GPL-2+
 This program is free.

Files: lib/*
License: BSD-2-clause

Files: debian/* debian/x
License: GPL-3+

License: GPL-2+
 Its text.
"""


def tree(**texts: str) -> SourceTree:
    named = {name.replace("_in_", "/"): text for name, text in texts.items()}
    return SourceTree(list(named), named)


def test_the_package_of_the_sources_name_describes_it() -> None:
    found = packaged.read(tree(control=CONTROL, copyright=COPYRIGHT), "lz4")
    assert found == Packaged("Fast compressor", "GPL-2.0-or-later", ("BSD-2-Clause",))
    assert packaged.read(tree(debian_in_control=CONTROL), "other") == Packaged(
        "Fast LZ compression algorithm library"
    )


def test_words_that_are_missing_or_made_by_a_program_are_left_out() -> None:
    assert packaged.read(tree(), "x") == Packaged()
    found = tree(control="Package: x\nDescription: ${x}\n", copyright="It is free.\n")
    assert packaged.read(found, "x") == Packaged()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Expat", "MIT"),
        ("GPL-1+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
        ("LGPL-2.1 and GPLv3+", "LGPL-2.1-only AND GPL-3.0-or-later"),
        ("Apache-2.0, and custom", "Apache-2.0 AND custom"),
        ("", ""),
    ],
)
def test_short_names_of_licences_have_ids_of_spdx(text: str, ids: str) -> None:
    assert packaged.spdx(text) == ids
