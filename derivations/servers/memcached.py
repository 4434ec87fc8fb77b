"""Keeps values in memory for other programs."""

from derivations.kit import Recipe, autotools, debian

MEMCACHED = Recipe(
    source=debian(
        "m/memcached/memcached_1.6.38.orig.tar.xz",
        "074076ab3e889e16e763c6a3e5cadacc6696979dbb8c473bbf871d498b19b1a0",
    ),
    description="Keeps values in memory for other programs",
    licence="BSD-3-Clause",
    homepage="https://memcached.org/",
    needs=("libevent",),
    build=autotools("--disable-docs --disable-coverage"),
    programs=("memcached",),
    # Its 112 scripts in Perl are left out: many sleep, for minutes in all.
    upstream=("make memcached-debug testapp timedrun", "./testapp"),
    seconds=40,
)
