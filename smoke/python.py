"""Python as it stands in for the distribution's in a machine: Debian's, and wheels of PyPI.

Nothing of it is built, where ours needs TLS, a database, Perl and Tcl first: half an hour. It is no
static program, so its object has the C library, too, which a script starts it with.
"""

from __future__ import annotations

from derivations.kit import Recipe, data, debian
from derivations.kit.script import shell_name
from derivations.kit.sources import Archive
from store.model.derivation import Source


def _library(path: str, sha256: str) -> Archive:
    """Return a binary package of Debian's."""
    return debian(path, sha256, options=())


def _wheel(file: str, sha256: str) -> Archive:
    """Return a wheel of PyPI."""
    name, version, _ = file.split("-", 2)
    source = Source(file, sha256, (f"pypi:{file}",))
    return Archive(f"{name.replace('_', '-')}-wheel", version, source, ())


_DEBS = (
    _library(
        "p/python3.11/libpython3.11-minimal_3.11.2-6+deb12u8_amd64.deb",
        "f3beaa03994ffedacf73c43a0843d53b062d347115d8af65bee2034552a4e6f9",
    ),
    _library(
        "p/python3.11/libpython3.11-stdlib_3.11.2-6+deb12u8_amd64.deb",
        "890b3540dad8a1ccc0deeca025db735bcc82629a76adacbe3b50fcc06ed528ca",
    ),
    _library(
        "g/glibc/libc6_2.36-9+deb12u14_amd64.deb",
        "ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf",
    ),
    _library(
        "z/zlib/zlib1g_1.2.13.dfsg-1_amd64.deb",
        "d7dd1d1411fedf27f5e27650a6eff20ef294077b568f4c8c5e51466dc7c08ce4",
    ),
    _library(
        "e/expat/libexpat1_2.5.0-1+deb12u2_amd64.deb",
        "2255e62fc22a86d2c544b8a3f516da9aee19383ad5742722ab4ce7f66a30dbc8",
    ),
    _library(
        "b/bzip2/libbz2-1.0_1.0.8-5+b1_amd64.deb",
        "54149da3f44b22d523b26b692033b84503d822cc5122fed606ea69cc83ca5aeb",
    ),
    _library(
        "x/xz-utils/liblzma5_5.4.1-1+deb12u1_amd64.deb",
        "f96d8876b53ec89d76a992bc199679b818cf518225a768954d9451fb556a4eb7",
    ),
    _library(
        "libf/libffi/libffi8_3.4.4-1_amd64.deb",
        "6d9f6c25c30efccce6d4bceaa48ea86c329a3432abb360a141f76ac223a4c34a",
    ),
    _library(
        "g/gcc-12/libgcc-s1_12.2.0-14+deb12u1_amd64.deb",
        "3016e62cb4b7cd8038822870601f5ed131befe942774d0f745622cc77d8a88f7",
    ),
)
_WHEELS = (
    _wheel(
        "backports_zstd-1.8.0-cp311-cp311-"
        "manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "9c7fe40a58dbe1fd358e0ceb5b6b3f50a9b328f8fff42dcb3bdaeb9a022c2506",
    ),
    _wheel(
        "blake3-1.0.11-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "fe624bb87ee53d9770bec087631d7fd8f01eab0128693b8fe6b884d8c2cf0989",
    ),
    _wheel(
        "cffi-2.1.1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "34e261f78cb6ceaaa36f42f2613f4380d94d9c759a9c73c769ee6e0247364632",
    ),
    _wheel(
        "cryptography-49.0.0-cp311-abi3-manylinux_2_34_x86_64.whl",
        "cbc77da8c523d5abd028635ba850a6966fcee2c82e2bf65a41d1d8afe0f98be9",
    ),
    _wheel(
        "lmdb-3.0.0-cp311-cp311-"
        "manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "5d66373b7ce51e8362ca677dfd6cf6b252fc6d64d8cf354b0aca1dd3b5c5bf8f",
    ),
    _wheel(
        "msgpack-1.2.4-cp311-cp311-"
        "manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl",
        "a45ceb5f199d5e388f28b550ba881096a3740d4bda10e661d77f59d9a2e8187a",
    ),
)

_PROGRAM = """\
#!/bin/sh
exec @lib@/ld-linux-x86-64.so.2 --library-path @lib@ --argv0 @out@/bin/python3 @lib@/python "$@"
"""


def _paths(archives: tuple[Archive, ...]) -> str:
    """Return words of a shell: the folders of unpacked archives."""
    return " ".join(f'"${shell_name(each.name)}_source"' for each in archives)


PYTHON_WITH_STORE = Recipe(
    source=debian(
        "p/python3.11/python3.11-minimal_3.11.2-6+deb12u8_amd64.deb",
        "4aba533f7cc5e7b93b7ff24482840e96813f5bcde9cce028395b65a0d799ccee",
        options=(),
    ),
    extra_sources=(*_DEBS, *_WHEELS),
    name="python-with-store",
    description="Debian's Python and wheels of PyPI, in the place of ours",
    licence=(
        "Python-2.0.1 AND LGPL-2.1-or-later AND Zlib AND MIT AND bzip2-1.0.6 AND 0BSD"
        " AND GPL-3.0-only WITH GCC-exception-3.1 AND (Apache-2.0 OR BSD-3-Clause)"
        " AND (Apache-2.0 OR CC0-1.0) AND OLDAP-2.8 AND Apache-2.0 AND BSD-3-Clause"
    ),
    homepage="https://www.python.org/",
    files=(("program", _PROGRAM),),
    # Debian has a package's licence with the library that it comes with.
    licences=("copyrights",),
    in_tree=True,
    build=data(
        'lib="$out/lib/linked"',
        'mkdir -p "$out/bin" "$lib" /build/src/copyrights',
        f"for each in {_paths(_DEBS)}\n"
        "do\n"
        '    find "$each" -name "lib*.so.*" -o -name "ld-*.so.*" | grep -v -e /gconv/ -e /audit/'
        ' | xargs -I {} cp -L --no-preserve=mode {} "$lib/"\n'
        '    for file in "$each"/usr/share/doc/*/copyright\n'
        "    do\n"
        "        name=${file%/*}\n"
        '        if test -f "$file"; then cp "$file" "/build/src/copyrights/${name##*/}"; fi\n'
        "    done\n"
        '    if test -d "$each/usr/lib/python3.11"\n'
        "    then\n"
        '        cp -R --no-preserve=mode "$each/usr/lib/python3.11" "$out/lib/"\n'
        "    fi\n"
        "done",
        'cp usr/bin/python3.11 "$lib/python"',
        'chmod 755 "$lib"/ld-* "$lib/python"',
        # Debian's own Python looks there, too.
        'modules="$out/lib/python3.11/dist-packages"',
        'mkdir -p "$modules"',
        f'for each in {_paths(_WHEELS)}; do cp -R --no-preserve=mode "$each"/* "$modules/"; done',
        'sed "s|@lib@|$lib|g; s|@out@|$out|g" /build/program > "$out/bin/python3"',
        'chmod 755 "$out/bin/python3"',
        "export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1",
        'library="$out/lib/python3.11"',
        '"$out/bin/python3" -m compileall -q --invalidation-mode unchecked-hash "$library"',
    ),
    programs=("python3",),
    waive=(
        ("static", "Debian's programs are linked to its C library"),
        ("paths", "it is of others, who do not ask where it is"),
    ),
    check=(
        'PATH="$out/bin:$PATH"',
        'python3 -c "import bz2, lzma, zlib, ctypes, resource, blake3, lmdb, msgpack"',
        'python3 -c "import backports.zstd, cryptography.hazmat.primitives.asymmetric.ed25519"',
        'test "$(python3 -c \'import sys; print(sys.executable)\')" = "$out/bin/python3"',
    ),
    seconds=20,
)
"""It also fills the role ``python``: a module is built with it, too."""

SMALL = {"python": PYTHON_WITH_STORE, "python-with-store": PYTHON_WITH_STORE}
"""For a machine with the store, to be had in minutes: `scripts/upgrade-trial --stand-ins`."""
