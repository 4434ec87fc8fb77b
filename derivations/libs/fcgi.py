"""Web programs that answer many requests."""

from derivations.kit import Recipe, autotools, debian

FCGI = Recipe(
    source=debian(
        "libf/libfcgi/libfcgi_2.4.5.orig.tar.gz",
        "92b0111a98d8636e06c128444a3d4d7a720bdd54e6ee4dd0c7b67775b1b0abff",
        name="fcgi",
    ),
    description="Lets web programs answer many requests, by FastCGI",
    licence="OML",
    homepage="https://fastcgi-archives.github.io/",
    build=autotools("--disable-shared", reconf=True),
    seconds=20,
)
