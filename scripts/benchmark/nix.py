"""The peer: Nix in a store of its own, configured so that it does the same work as we do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark.measure import Work
from scripts.benchmark.shell import SHELL, Shell
from store.model.names import ObjectId

_CONFIGURATION = """\
sandbox = true
sandbox-fallback = false
build-users-group =
substitute = false
substituters =
"""


def version() -> str | None:
    """``Nix 2.8.0``, or None when ``nix-store`` and ``nix-build`` are not both installed."""
    if not shutil.which("nix-store") or not shutil.which("nix-build"):
        return None
    told = subprocess.run(["nix-store", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"\(([^)]+)\) (\S+)", told.stdout)
    return f"{found[1]} {found[2]}" if found else told.stdout.strip()


class Nix:
    """A private store in the folder ``top``. Its settings are the defaults but for the sandbox.

    The sandbox is on, with no fallback; builds run as this user; nothing is substituted.
    """

    def __init__(self, top: str, shell: Shell, patience: float) -> None:
        """``patience`` is the seconds that a process may take."""
        self.store = f"{top}/store"
        self._patience = patience
        self.roots = f"{top}/state/gcroots"
        paths = " ".join([f"{SHELL}={shell.program}", *(f"{x}={y}" for x, y in shell.libraries)])
        os.makedirs(f"{top}/conf")
        os.makedirs(f"{top}/home")
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": f"{top}/home",
            "XDG_CACHE_HOME": f"{top}/cache",
            "NIX_REMOTE": "local",
            "NIX_STORE_DIR": self.store,
            "NIX_STATE_DIR": f"{top}/state",
            "NIX_LOG_DIR": f"{top}/log",
            "NIX_DATA_DIR": f"{top}/share",
            "NIX_CONF_DIR": f"{top}/conf",
            "NIX_USER_CONF_FILES": "",
            "NIX_CONFIG": f"{_CONFIGURATION}sandbox-paths = {paths}\n",
        }

        subprocess.run(["nix-store", "--init"], env=self.environment, check=True)

    def work(self, *words: str, stdin: str | None = None) -> Work:
        """One of Nix's commands."""
        return Work(words, self.environment, stdin, self._patience)

    def path(self, oid: ObjectId) -> str:
        """The store path that stands for one of ours; the alphabets are the same."""
        return f"{self.store}/{oid}"

    def link_root(self, link: str, path: str) -> None:
        """Make the link ``link`` to a path, and a root of it, as ``nix-build`` does."""
        os.makedirs(f"{self.roots}/auto", exist_ok=True)
        os.symlink(path, link)
        os.symlink(link, f"{self.roots}/auto/{os.path.basename(link)}")


def expression(target: Path, builds: Sequence[Sequence[int]], script: str) -> None:
    """Write a graph of trivial derivations as a Nix expression; its value is the last of them."""
    lines = ["let", "  make = name: inputs: derivation {"]
    lines += [f'    inherit name inputs; system = "x86_64-linux"; builder = "{SHELL}";']
    lines += [f"    args = [ \"-euc\" ''{script}'' ];", "  };"]
    for number, below in enumerate(builds):
        inputs = " ".join(f"b{other}" for other in below)
        lines.append(f'  b{number} = make "build-{number}" [ {inputs} ];')
    target.write_text("\n".join([*lines, f"in b{len(builds) - 1}", ""]))
