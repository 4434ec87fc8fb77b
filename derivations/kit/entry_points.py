"""The programs of a Python package: its wheel's entry points, and its scripts."""

from __future__ import annotations

# Run with the output and the tree of what is needed. The tree's files are links to the libraries.
WRITER = """\
import os
import sys
from importlib.metadata import distributions
from pathlib import Path

MODULES = "lib/python3.13/site-packages"
out, needs = (Path(each) for each in sys.argv[1:3])
found = set()
for folder, _, names in os.walk(needs / MODULES):
    for name in names:
        path = os.path.join(folder, name)
        if os.path.islink(path):
            found.add(Path(os.readlink(path).partition(MODULES)[0]) / MODULES)
# Its own comes first: while it is built, its path is another one, which must not decide an order.
folders = [str(out / MODULES), *sorted(map(str, found))]


def write(name, lines):
    head = [f"#!{sys.argv[3]} -I", "import sys", "", f"sys.path += {folders}"]
    file = out / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("\\n".join([*head, *lines]) + "\\n")
    file.chmod(0o755)


for each in distributions(path=[str(out / MODULES)]):
    for group in ("console_scripts", "gui_scripts"):
        for entry in each.entry_points.select(group=group):
            first = f"from {entry.module} import {entry.attr.partition('.')[0]}"
            write(entry.name, [first, "", f"sys.exit({entry.attr}())"])
for script in sorted((out / MODULES).glob("*.data/scripts/*")):
    if not (out / "bin" / script.stem).exists() and script.read_text().startswith("#!python"):
        run = f"runpy.run_path({str(script)!r}, run_name='__main__')"
        write(script.name, ["import runpy", "", run])
"""

PROGRAMS = (f'python3 - "$out" /build/needs "$(command -v python3)" <<\'END\'\n{WRITER}END',)
"""Command lines that write a program for each into ``$out/bin``. It runs on the Python of the
build, heeds no variable of its environment, and finds its modules, and those that are needed, in
the store. So a package with programs has these roles in ``runs``, and ``python`` among them."""
