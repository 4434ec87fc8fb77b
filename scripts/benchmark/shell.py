"""The one program that the builders of both stores are: this machine's ``/bin/sh``."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from dataclasses import dataclass

SHELL = "/bin/sh"

_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


@dataclass(frozen=True)
class Shell:
    """``program`` is the real file; ``libraries`` pairs where a builder looks with the real file.

    The first of the libraries is the dynamic loader, if the shell is not static.
    """

    program: str
    libraries: tuple[tuple[str, str], ...]

    @classmethod
    def found(cls) -> Shell:
        """This machine's, with the libraries that ``ldd`` tells."""
        told = subprocess.run(["ldd", SHELL], capture_output=True, text=True, check=False)
        places = sorted(set(_LIBRARY.findall(told.stdout)))
        return cls(
            os.path.realpath(SHELL), tuple((place, os.path.realpath(place)) for place in places)
        )

    def pack(self, target: str) -> None:
        """Write a root file system of nothing else, as the tar file ``target``."""
        with tarfile.open(target, "w") as archive:
            for place, real in ((SHELL, self.program), *self.libraries):
                member = archive.gettarinfo(real, place.lstrip("/"))
                member.mtime, member.uid, member.gid, member.uname, member.gname = 1, 0, 0, "", ""
                with open(real, "rb") as stream:
                    archive.addfile(member, stream)
