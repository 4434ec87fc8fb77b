"""Manuals on the terminal."""

from derivations.kit import Recipe, configure, debian

# Its configure script takes no options, and reads this.
_LOCAL = """\
cat > configure.local <<END
PREFIX="$out"
MANDIR="$out/share/man"
SBINDIR="$out/bin"
CC="$CC"
CFLAGS="$CFLAGS"
LDFLAGS="$LDFLAGS"
MANPATH_BASE=/share/man
MANPATH_DEFAULT=/share/man
UTF8_LOCALE=C.UTF-8
BINM_PAGER=less
HAVE_LESS_T=1
LN="ln -sf"
END"""

MANDOC = Recipe(
    source=debian(
        "m/mdocml/mdocml_1.14.6.orig.tar.gz",
        "8bf0d570f01e70a6e124884088870cbed7537f36328d512909eb10cd53179d9c",
        name="mandoc",
    ),
    description="Formats and finds manuals",
    licence="ISC",
    homepage="https://mandoc.bsd.lv/",
    needs=("zlib",),
    build=configure(prepare=(_LOCAL,)),
    programs=("man", "mandoc", "makewhatis"),
    check=(
        "printf '.Dd today\\n.Dt T 1\\n.Os\\n.Sh NAME\\n.Nm yes\\n.Nd no\\n' > t.1",
        '"$out/bin/mandoc" t.1 | grep -q "General Commands Manual"',
    ),
    waive=(("version", "its programs say none"),),
    upstream=("make -C /build/src regress",),
    upstream_tools=("perl",),
    seconds=20,
)
