"""The line of a setting, which the parser of TOML does not keep."""

from __future__ import annotations

import pytest

from store.layout.setting_lines import line_of

TEXT = b"""# settings
a = 1
b = [
  "x",

  "y"]   # of two
c.d = 3

[t]
e = '''
f = 7
'''
f = {g = 8}
[[u]]
[[u]]
e = 9"""


@pytest.mark.parametrize(
    ("way", "line"),
    [
        (("a",), 2),
        (("b",), 3),
        (("c", "d"), 7),
        (("t",), 9),
        (("t", "e"), 10),
        (("t", "f"), 13),
        (("t", "f", "g"), 13),
        (("u", 0), 14),
        (("u", 1, "e"), 16),
        (("u", 2), None),
        (("a", 0), None),
        (("b", "e"), None),
    ],
)
def test_a_value_has_the_line_in_which_it_begins(way: tuple[str | int, ...], line: int) -> None:
    assert line_of(TEXT, way) == line


def test_a_value_of_very_many_lines_is_not_looked_for_long() -> None:
    keys = "\n".join('"x",' for _ in range(300))
    assert line_of(f"a = 1\nb = [\n{keys}\n]\nc = 2\n".encode(), ("b",)) == 2
    text = 'a = """\n' + "x\n" * 5000 + '"""\nb = 2\n'
    assert line_of(text.encode(), ("a",)) is None
