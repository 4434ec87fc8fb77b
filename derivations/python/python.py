"""The language, in one static program."""

from derivations.kit import Build, Recipe, autotools, bytecode, debian, debian_patches

TIDIED = (
    'lib="$out/lib/python3.13"',
    'rm -rf "$lib/idlelib" "$lib/turtledemo" "$lib/tkinter" "$out"/bin/idle3*',
    'rm "$out"/lib/pkgconfig/*-embed.pc',
    'ln -s python3 "$out/bin/python"',
    "find \"$lib\" -name '*.py' -exec chmod -x {} +",
    # The folder of its build, where it would look for itself; as many bytes as before.
    'sed -i "s|/build/src|/dev/null/|g" "$out/bin/python3.13"',
    # Archives of pip, which nothing here installs with.
    'rm -rf "$lib/ensurepip"',
    # How it was built, for modules to be built the same way: not where.
    'grep -rlI -e /build/ -e /store/ "$out" > texts',
    'xargs sed -i -e "s|$out|@out@|g; s|/build/needs/*||g; s|/build/|/|g"'
    ' -e "s|/store/[^/\' ]*/|/|g; s|@out@|$out|g" < texts',
)
BYTECODE = (
    # All that was made on the way: it is made once, at the end.
    'find "$out" -name __pycache__ -exec rm -rf {} +',
    "export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1",
    *bytecode("$lib", python="$out/bin/python3"),
)


def built(*, prepare: tuple[str, ...] = (), finish: tuple[str, ...] = ()) -> Build:
    """Its build, for this recipe and its variants. ``prepare`` lines are run before configure, in
    the folder of the build; ``finish`` lines before the bytecode is made, and ``$lib`` is where its
    modules are."""
    return autotools(
        "--disable-test-modules --without-ensurepip --without-static-libpython --with-system-expat",
        "--with-system-libmpdec=no --with-tzpath=/share/zoneinfo:/etc/zoneinfo",
        prepare=prepare,
        # Bytecode is made at the end, once.
        install="install COMPILEALL_OPTS=--help",
        finish=(*TIDIED, *finish, *BYTECODE),
    )


PYTHON = Recipe(
    source=debian(
        "p/python3.13/python3.13_3.13.5.orig.tar.xz",
        "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
        name="python",
    ),
    description="The language Python; every module that has C in it is built in",
    licence="Python-2.0.1",
    homepage="https://www.python.org/",
    needs=("bzip2", "expat", "libffi", "ncurses", "openssl", "readline", "sqlite", "xz", "zlib"),
    patches=(
        "python-static-ctypes.patch",
        debian_patches(
            "p/python3.13/python3.13_3.13.5-2+deb13u5.debian.tar.xz",
            "a51f456e654ce2c9b40cc1db8005e5041cdb0b2c3aa96ab0871c49fe95280366",
            "CVE-2025-11468.patch",
            "CVE-2025-12084.patch",
            "CVE-2025-13462.patch",
            "CVE-2025-13836.patch",
            "CVE-2025-13837.patch",
            "CVE-2025-6069.patch",
            "CVE-2025-6075.patch",
            "CVE-2025-8194.patch",
            "CVE-2025-8291.patch",
            "CVE-2025-15282.patch",
            "CVE-2026-0672.patch",
            "CVE-2026-0865.patch",
            "CVE-2026-1299.patch",
            "CVE-2026-2297.patch",
            "CVE-2026-3446.patch",
            "CVE-2026-4224.patch",
            "CVE-2026-3644.patch",
            "CVE-2026-4519.patch",
            "CVE-2026-6019.patch",
            "CVE-2026-6019-2.patch",
            "CVE-2026-6100.patch",
            "ssl-sni-crash.patch",
            "ssl-reference-leak.patch",
            "dict-use-after-free.patch",
            "traverse-managed-dicts.patch",
            "CVE-2026-1502.patch",
            "CVE-2026-3276.patch",
            "CVE-2026-7774.patch",
            "CVE-2026-8328.patch",
            "CVE-2026-9669.patch",
            "CVE-2026-6879.patch",
            "CVE-2026-0864.patch",
            "CVE-2026-4360.patch",
            "CVE-2026-11940.patch",
            "CVE-2026-11972.patch",
        ),
    ),
    env=(("LINKFORSHARED", " "), ("MODULE_BUILDTYPE", "static"), ("OPT", "-DNDEBUG")),
    build=built(),
    programs=("python3",),
    waive=(
        (
            "paths",
            "where it is run in the folder of its build, it looks there; so does pip's wheel",
        ),
    ),
    check=(
        '"$out/bin/python3" -c "import bz2, curses, lzma, readline, sqlite3, venv, zlib, pyexpat"',
        '"$out/bin/python3" -c "import ssl; ssl.create_default_context()"',
        "\"$out/bin/python3\" -c 'import ctypes as c; assert c.CFUNCTYPE(c.c_int)(int)() == 0'",
        "\"$out/bin/python3\" -c 'import sysconfig; assert sysconfig.get_config_vars()'",
        # Its build's date is not the clock's.
        '"$out/bin/python3" -c \'import sys; assert "Jan  1 1970" in sys.version\'',
    ),
    seconds=400,
)
