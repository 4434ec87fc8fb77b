"""Python with the modules of C that ``store`` imports, built in."""

from derivations.kit import phase, phases, pypi, texts, variant
from derivations.python.python import PYTHON, built

CONFIGURE, BUILD, INSTALL = built(
    finish=(
        'site="$lib/site-packages"',
        'mkdir -p "$site"',
        "modules=/build/modules",
        'cp -R $modules/lmdb/lmdb $modules/msgpack/msgpack "$site/"',
        'cp -R $modules/zstd/src/python/backports "$site/"',
        # A part that is for other Pythons, and the places where the modules were made.
        'rm -r "$site/lmdb/cffi.py" "$site/lmdb/_config.py" "$site/backports/zstd/_cffi"',
        "find \"$site\" -type f ! -name '*.py' -exec rm {} +",
        # It is there for one program, on disks that are small: what only those need that write
        # programs, and other ways to talk, is left out.
        "for idle in pydoc_data _pyrepl unittest xmlrpc wsgiref config-3.13-*"
        " turtle.py pydoc.py pdb.py doctest.py\n"
        "do\n"
        '    rm -r "$lib"/$idle\n'
        "done",
        'rm -r "$out/include" "$out/lib/pkgconfig" "$out/share/man"',
        'rm "$out"/bin/pydoc3* "$out"/bin/python3*-config',
        'licences="$out/share/licenses/python-with-store"',
        "for name in blake3 lmdb msgpack zstd\n"
        "do\n"
        '    mkdir -p "$licences/$name"\n'
        '    find $modules/$name -maxdepth 1 -name "LICENSE*" -o -maxdepth 1 -name "COPYING*"'
        ' | xargs -I {} cp {} "$licences/$name/"\n'
        "done",
    ),
).phases

PYTHON_WITH_STORE = variant(
    PYTHON,
    name="python-with-store",
    description="Python with the modules of C that the store imports",
    licence=(
        "Python-2.0.1 AND (Apache-2.0 OR CC0-1.0) AND OLDAP-2.8 AND Apache-2.0"
        " AND BSD-3-Clause AND ISC AND MIT"
    ),
    needs=(*PYTHON.needs, "libsodium", "zstd"),
    extra_sources=(
        pypi(
            "blake3-1.0.11.tar.gz",
            "d73c0a87304d41045f6753a922113bede3ab09eda2d20371566a5bbe357c3deb",
            name="python-blake3",
        ),
        pypi(
            "lmdb-3.0.0.tar.gz",
            "06dda0723545e14d56ac7dcd6f582d9922c2ed5e16f1c3f8d0e670a96ec2ee65",
            name="python-lmdb",
        ),
        pypi(
            "msgpack-1.2.4.tar.gz",
            "475c44e12f2a5de766a8448783f149c9b33f3f49b88953c6cd739a77d93c732c",
            name="python-msgpack",
        ),
        pypi(
            "backports_zstd-1.8.0.tar.gz",
            "9dae4f4c481716e3db473d667457b4f508ff7459c0931b567a5c9677fb3db316",
            name="python-zstd",
        ),
    ),
    files=texts(__file__, "modules.sh", "fixpoint_calls.c", "fixpoint_ed25519.c"),
    tools=("patch",),
    build=phases(
        CONFIGURE,
        phase(
            "modules",
            "mkdir -p ../modules/own",
            "cp ../fixpoint_calls.c ../fixpoint_ed25519.c ../modules/own/",
            'cp -R --no-preserve=mode "$python_blake3_source" ../modules/blake3',
            'cp -R --no-preserve=mode "$python_lmdb_source" ../modules/lmdb',
            'cp -R --no-preserve=mode "$python_msgpack_source" ../modules/msgpack',
            'cp -R --no-preserve=mode "$python_zstd_source" ../modules/zstd',
            "sh -eu ../modules.sh",
        ),
        BUILD,
        INSTALL,
        tools=PYTHON.build.tools,
        in_tree=PYTHON.build.in_tree,
    ),
    check=(
        *PYTHON.check,
        'PATH="$out/bin:$PATH"',
        'python3 -c "import blake3, lmdb.cpython, msgpack._cmsgpack, backports.zstd"',
        'python3 -c "import os, _fixpoint_calls as c; assert c.syscall(39) == os.getpid()"',
        'python3 -c "import _fixpoint_ed25519 as e; assert e.public(bytes(32))[0] == 59"',
    ),
    seconds=420,
)
