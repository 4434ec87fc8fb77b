"""Calls functions when files, signals or timers are ready."""

from derivations.kit import Recipe, autotools, debian

LIBEVENT = Recipe(
    source=debian(
        "libe/libevent/libevent_2.1.13-stable.orig.tar.gz",
        "f7e9383b8c0baa81b687e5b5eecc01beefaf1b19b64151d95ed61647fe7a315c",
    ),
    description="Calls functions when files, signals or timers are ready",
    licence="BSD-3-Clause",
    homepage="https://libevent.org/",
    build=autotools(
        "--disable-shared --disable-samples --disable-libevent-regress --disable-openssl",
        finish=('rm -r "$out/bin"',),
    ),
    seconds=40,
)
