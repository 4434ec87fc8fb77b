"""Draws the picture of the project's own machine: its boot log, and beside it a page from it.

The machine runs in the emulator. Chromium draws both parts and needs no display.
"""

from __future__ import annotations

import html
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from scripts.boot import places, refuse_without_qemu
from scripts.boot_trial import MARK, MARKED, Console, Failed
from scripts.ending import run_script
from scripts.site_clients import Site, command
from scripts.site_trial import MEMORY, new_disk, site_machine, started

BROWSER = "chromium"
WIDTH, HEIGHT = 1360, 620
LOG_WIDTH = 680
LINES = 34
COMMANDS = ("uname -a", "sv status /run/service/*", "df -h /var", "free -m")
WORDS = "loglevel=6"
"""For the kernel, which says little otherwise."""

HIDDEN = re.compile(rf"^{MARKED}|stty columns")
"""Lines that `Console` adds for itself."""

ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|c)")

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; display: flex; height: {height}px; background: #11151a }}
pre {{ box-sizing: border-box; width: {log}px; margin: 0; padding: 12px; overflow: hidden;
  color: #d3dae3; font: 12px/17px monospace }}
iframe {{ flex: 1; border: 0; background: white }}
</style><pre>{text}</pre><iframe src="{url}"></iframe>
"""


def boot_log(console: Console) -> str:
    """Return the last lines of what the console has shown, with some commands at its end."""
    for each in COMMANDS:
        console.run(each)
    text = ESCAPE.sub("", console.shown)
    lines = [line.replace(MARK, "") for line in text.splitlines()]
    # A line that came before the prompt is echoed twice.
    shown = [
        line
        for line in lines
        if line.strip(" ~#") and line not in COMMANDS and not HIDDEN.search(line)
    ]
    return "\n".join(shown[-LINES:])


def draw(log: str, site: Site, folder: Path, picture: Path) -> None:
    """Write a PNG with a boot log and the first page of a site. Failed where the browser fails."""
    page = folder / "page.html"
    page.write_text(
        PAGE.format(height=HEIGHT, log=LOG_WIDTH, text=html.escape(log), url=f"{site.url}/")
    )
    command(
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={WIDTH},{HEIGHT}",
        f"--screenshot={folder / 'picture.png'}",
        "--virtual-time-budget=20000",
        page.as_uri(),
    )
    if not (folder / "picture.png").exists():
        raise Failed(f"{BROWSER} wrote no picture")
    shutil.move(folder / "picture.png", picture)


@click.command()
@click.option("--root", help="The store's root, as for `store`.")
@click.argument("picture", type=click.Path(path_type=Path))
def main(root: str | None, picture: Path) -> None:
    """Start the system `site` and write PICTURE, a PNG: its boot log, and its first page."""
    refuse_without_qemu()
    if shutil.which(BROWSER) is None:
        raise click.ClickException(f"there is no {BROWSER}: Debian's package is `{BROWSER}`")
    built = places("system.site", root, None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data.img"
        new_disk(data)
        site = started(replace(site_machine(built, data, MEMORY), words=WORDS))
        with site.console as console:
            draw(boot_log(console), site, folder, picture)
    print(picture)


if __name__ == "__main__":
    run_script(main)
