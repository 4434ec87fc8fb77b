"""Changes XML by rules in XML."""

from derivations.kit import Recipe, autotools, debian

LIBXSLT = Recipe(
    source=debian(
        "libx/libxslt/libxslt_1.1.35.orig.tar.xz",
        "8247f33e9a872c6ac859aa45018bc4c4d00b97e2feac9eebc10c93ce1f34dd79",
    ),
    description="Changes XML by rules that are XML themselves",
    licence="MIT",
    homepage="https://gitlab.gnome.org/GNOME/libxslt",
    needs=("libxml2",),
    build=autotools(
        "--disable-shared --without-python --without-crypto --without-plugins",
        "--with-libxml-prefix=/build/needs",
        # Its own script, in the place of pkg-config: it names the tree of the libraries.
        finish=('rm "$out/lib/xsltConf.sh" "$out/bin/xslt-config"',),
    ),
    programs=("xsltproc",),
    waive=(("version", "it says it without points: 10135"),),
    seconds=10,
)
