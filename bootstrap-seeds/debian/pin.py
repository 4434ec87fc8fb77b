"""Pin the Debian seed: write seed.json from the package index of a Debian 12 machine.

A maintenance tool, run by hand on a Debian bookworm (amd64) machine whose package index is fresh,
when a pinned version has left the mirrors:

    python3 bootstrap-seeds/debian/pin.py > bootstrap-seeds/debian/seed.json

Nothing here is trusted: what the ladder starts from is what seed.json says, byte for byte.
"""

import json
import subprocess
import sys

LGPL_RUNTIME = ["GPL-3.0-or-later WITH GCC-exception-3.1"]

# Which package plays which part. "userland" is all that a stage-1 build may see of the seed;
# "compiler" is added for stage 0 alone.
ROLES: dict[str, dict[str, list[str]]] = {
    "userland": {
        "libc6": ["LGPL-2.1-or-later"],
        "bash": ["GPL-3.0-or-later"],
        "libtinfo6": ["X11"],
        "make": ["GPL-3.0-or-later"],
        "coreutils": ["GPL-3.0-or-later"],
        "libacl1": ["LGPL-2.1-or-later"],
        "libattr1": ["LGPL-2.1-or-later"],
        "libselinux1": ["LicenseRef-public-domain"],
        "libpcre2-8-0": ["BSD-3-Clause"],
        "libgmp10": ["LGPL-3.0-or-later"],
        "sed": ["GPL-3.0-or-later"],
        "gawk": ["GPL-3.0-or-later"],
        "libreadline8": ["GPL-3.0-or-later"],
        "libsigsegv2": ["GPL-2.0-or-later"],
        "libmpfr6": ["LGPL-3.0-or-later"],
        "m4": ["GPL-3.0-or-later"],
        "grep": ["GPL-3.0-or-later"],
        "diffutils": ["GPL-3.0-or-later"],
        "findutils": ["GPL-3.0-or-later"],
    },
    "compiler": {
        "gcc-12": ["GPL-3.0-or-later"],
        "g++-12": ["GPL-3.0-or-later"],
        "cpp-12": ["GPL-3.0-or-later"],
        "libgcc-12-dev": LGPL_RUNTIME,
        "libgcc-s1": LGPL_RUNTIME,
        "libstdc++-12-dev": LGPL_RUNTIME,
        "libstdc++6": LGPL_RUNTIME,
        "libc6-dev": ["LGPL-2.1-or-later"],
        "linux-libc-dev": ["GPL-2.0-only WITH Linux-syscall-note"],
        "binutils-x86-64-linux-gnu": ["GPL-3.0-or-later"],
        "libbinutils": ["GPL-3.0-or-later"],
        "libctf0": ["GPL-3.0-or-later"],
        "libctf-nobfd0": ["GPL-3.0-or-later"],
        "libjansson4": ["MIT"],
        "zlib1g": ["Zlib"],
        "libzstd1": ["BSD-3-Clause"],
        "libisl23": ["MIT"],
        "libmpc3": ["LGPL-3.0-or-later"],
    },
}

TOOLS = ("ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")

# What Debian's alternatives, and its packages that consist of links ("gcc", "binutils"), would add
# to each package.
LINKS: dict[str, dict[str, str]] = {
    "bash": {"usr/bin/sh": "bash"},
    "gawk": {"usr/bin/awk": "gawk"},
    "gcc-12": {"usr/bin/gcc": "gcc-12", "usr/bin/cc": "gcc-12"},
    "g++-12": {"usr/bin/g++": "g++-12", "usr/bin/c++": "g++-12"},
    "cpp-12": {"usr/bin/cpp": "cpp-12"},
    "binutils-x86-64-linux-gnu": {f"usr/bin/{tool}": f"x86_64-linux-gnu-{tool}" for tool in TOOLS},
}

MERGED_USR = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}


def records(package: str) -> list[dict[str, str]]:
    """The package's index records, newest version first."""
    text = subprocess.run(
        ["apt-cache", "show", package], check=True, capture_output=True, text=True
    ).stdout
    paragraphs = [block for block in text.split("\n\n") if block.strip()]
    fields = [
        dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
        for block in paragraphs
    ]
    return [record for record in fields if "Filename" in record]


def pinned(package: str, role: str, licences: list[str]) -> dict[str, object]:
    """One entry of seed.json, from the plain release: mirrors drop superseded security updates."""
    plain = [r for r in records(package) if r["Filename"].startswith("pool/main/")]
    record = plain[0]
    return {
        "name": package,
        "version": record["Version"],
        "path": record["Filename"],
        "sha256": record["SHA256"],
        "size": int(record["Size"]),
        "role": role,
        "licences": licences,
        "links": LINKS.get(package, {}),
    }


def main() -> None:
    """Write the seed's description to standard output."""
    packages = [
        pinned(package, role, licences)
        for role, members in ROLES.items()
        for package, licences in members.items()
    ]
    seed = {
        "name": "debian",
        "description": "GCC 12, GNU binutils and a GNU userland, as Debian 12 ships them",
        "system": "x86_64-linux",
        "links": MERGED_USR,
        "packages": packages,
    }
    json.dump(seed, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
