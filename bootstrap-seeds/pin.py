"""Pin a seed: write its seed.json from the package indexes that this machine is set up for.

A maintenance tool, run by hand when a pinned version has left the mirrors; for Debian's packages on
a bookworm (amd64) machine whose package index is fresh, for wheels wherever pip reaches an index:

    python3 bootstrap-seeds/pin.py debian > seed.json      # or zig, or tcc
    mv seed.json bootstrap-seeds/debian/seed.json

Nothing here is trusted: what the ladder starts from is what seed.json says, byte for byte.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LGPL_RUNTIME = ["GPL-3.0-or-later WITH GCC-exception-3.1"]
TOOLS = ("ar", "as", "ld", "nm", "objcopy", "objdump", "ranlib", "readelf", "strip")
MERGED_USR = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}

# What busybox is called by: what a build script asks of a userland, and nothing that only a person
# at a terminal would. It has no make, m4 or install; and its shell will not do, as it takes its own
# applets (ar, for one) before what is on $PATH.
APPLETS = (
    *("[", "awk", "base64", "basename", "bzip2", "cat", "chmod", "cksum", "cmp", "cp", "cut"),
    *("date", "dd", "df", "diff", "dirname", "du", "echo", "egrep", "env", "expand", "expr"),
    *("factor", "false", "fgrep", "find", "fold", "grep", "groups", "gunzip", "gzip", "head"),
    *("hostid", "id", "link", "ln", "logname", "ls", "md5sum", "mkdir", "mkfifo", "mktemp", "mv"),
    *("nl", "nohup", "nproc", "od", "paste", "patch", "printf", "ps", "pwd", "readlink"),
    *("realpath", "rm", "rmdir", "sed", "seq", "sha1sum", "sha256sum", "sha512sum", "shuf"),
    *("sleep", "sort", "split", "stat", "stty", "sum", "sync", "tac", "tail", "tar", "tee"),
    *("test", "timeout", "touch", "tr", "true", "truncate", "tty", "uname", "unexpand", "uniq"),
    *("unlink", "uptime", "wc", "who", "whoami", "xargs", "yes"),
)

# Which package plays which part. "userland" is all that a stage-1 build may see of the seed;
# "compiler" is added for stage 0 alone.
SEEDS: dict[str, dict[str, Any]] = {
    "debian": {
        "description": "GCC 12, GNU binutils and a GNU userland, as Debian 12 ships them",
        "links": MERGED_USR,
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
    },
    "zig": {
        "description": "Clang, LLVM and musl from the ziglang wheel; mksh and busybox, both static",
        "links": {"bin": "usr/bin", "sbin": "usr/sbin"},
        "userland": {"mksh": ["MirOS"], "busybox-static": ["GPL-2.0-only"]},
        "compiler": {"ziglang": ["MIT", "Apache-2.0 WITH LLVM-exception"]},
    },
    "tcc": {
        "description": "Temporary: tcc, the C library that it needs, and a static busybox",
        "links": MERGED_USR,
        "userland": {"busybox-static": ["GPL-2.0-only"]},
        "compiler": {"tcc": ["LGPL-2.1-or-later"], "libc6": ["LGPL-2.1-or-later"]},
    },
}

# What Debian's alternatives, and its packages that consist of links ("gcc", "binutils"), would add
# to each package.
LINKS: dict[str, dict[str, str]] = {
    "bash": {"usr/bin/sh": "bash"},
    "gawk": {"usr/bin/awk": "gawk"},
    "gcc-12": {"usr/bin/gcc": "gcc-12", "usr/bin/cc": "gcc-12"},
    "g++-12": {"usr/bin/g++": "g++-12", "usr/bin/c++": "g++-12"},
    "cpp-12": {"usr/bin/cpp": "cpp-12"},
    "binutils-x86-64-linux-gnu": {f"usr/bin/{tool}": f"x86_64-linux-gnu-{tool}" for tool in TOOLS},
    "busybox-static": {f"usr/bin/{applet}": "busybox" for applet in APPLETS},
    "mksh": {"usr/bin/sh": "../lib/x86_64-linux-musl/bin/mksh"},
    "ziglang": {"usr/bin/zig": "../lib/zig/zig"},
}

WHEELS = {"ziglang": ("0.17.1", "manylinux2010_x86_64")}

# What the third seed takes of a package: of tcc, the program and the library of helpers; of the C
# library, what that one program loads.
_ONLY_TCC: dict[str, list[str]] = {
    "tcc": [
        "exclude=usr/bin/i386-tcc",
        "exclude=usr/lib/x86_64-linux-gnu/tcc/*.o",
        "exclude=usr/lib/x86_64-linux-gnu/tcc/i386-*",
        "exclude=usr/lib/x86_64-linux-gnu/tcc/include",
    ],
    "libc6": [
        "exclude=usr/lib/x86_64-linux-gnu/audit",
        "exclude=usr/lib/x86_64-linux-gnu/gconv",
        "exclude=lib/x86_64-linux-gnu/libB*",
        "exclude=lib/x86_64-linux-gnu/lib[a-bn-oq-z]*",
        "exclude=lib/x86_64-linux-gnu/libc_*",
        "exclude=lib/x86_64-linux-gnu/libmem*",
        "exclude=lib/x86_64-linux-gnu/libmvec*",
        "exclude=lib/x86_64-linux-gnu/libpc*",
    ],
}

# How a package is unpacked. Of mksh's shells, only the one that is linked with musl; of zig's
# libraries, what makes programs for other systems is left out.
OPTIONS: dict[str, list[str]] = {
    "mksh": [
        "exclude=bin/mksh",
        "exclude=bin/mksh-static",
        "exclude=bin/lksh",
        "exclude=usr/lib/diet",
        "exclude=usr/lib/klibc",
        "exclude=usr/share",
    ],
    "ziglang": [
        "exclude=ziglang-*.dist-info",
        "exclude=ziglang/*.py",
        "exclude=ziglang/doc",
        "exclude=ziglang/lib/docs",
        "exclude=ziglang/lib/libtsan",
        "exclude=ziglang/lib/libc/darwin",
        "exclude=ziglang/lib/libc/freebsd",
        "exclude=ziglang/lib/libc/glibc",
        "exclude=ziglang/lib/libc/mingw",
        "exclude=ziglang/lib/libc/netbsd",
        "exclude=ziglang/lib/libc/openbsd",
        "exclude=ziglang/lib/libc/wasi",
        "exclude=ziglang/lib/libc/include/*bsd*",
        "exclude=ziglang/lib/libc/include/*gnu*",
        "exclude=ziglang/lib/libc/include/a[a-mo-z]*",
        "exclude=ziglang/lib/libc/include/any-[a-km-z]*",
        "exclude=ziglang/lib/libc/include/[b-fh-w]*",
        "exclude=ziglang/lib/libc/include/generic-glibc",
        "exclude=ziglang/lib/libc/include/xtensa*",
        "move=ziglang:usr/lib/zig",
    ],
}


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


def deb(package: str) -> dict[str, object]:
    """The plain release's entry: mirrors drop superseded security updates."""
    record = next(r for r in records(package) if r["Filename"].startswith("pool/main/"))
    return {
        "version": record["Version"],
        "path": record["Filename"],
        "sha256": record["SHA256"],
        "size": int(record["Size"]),
    }


def wheel(package: str, version: str, platform: str) -> dict[str, object]:
    """A wheel's entry, by way of pip, which knows where it is to be had."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--quiet", "download", "--no-deps"),
                *("--dest", folder, "--only-binary=:all:", f"--platform={platform}"),
                f"{package}=={version}",
            ],
            check=True,
            stdout=sys.stderr,
        )
        (path,) = Path(folder).iterdir()
        data = path.read_bytes()
        return {
            "version": version,
            "wheel": path.name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }


def pinned(seed: str, package: str, role: str, licences: list[str]) -> dict[str, object]:
    """One entry of seed.json."""
    place = wheel(package, *WHEELS[package]) if package in WHEELS else deb(package)
    known = OPTIONS | (_ONLY_TCC if seed == "tcc" else {})
    options = {"options": known[package]} if package in known else {}
    links = LINKS.get(package, {})
    if seed == "tcc" and package == "busybox-static":
        links = {"usr/bin/sh": "busybox"} | links
    entry = {"name": package, **place, "role": role, "licences": licences}
    return entry | {"links": links} | options


def main() -> None:
    """Write the description of the seed named on the command line to standard output."""
    name = sys.argv[1]
    packages = [
        pinned(name, package, role, licences)
        for role in ("userland", "compiler")
        for package, licences in SEEDS[name][role].items()
    ]
    seed = {
        "name": name,
        "description": SEEDS[name]["description"],
        "system": "x86_64-linux",
        "links": SEEDS[name]["links"],
        "packages": packages,
    }
    json.dump(seed, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
