"""Spreads connections and requests over servers."""

from derivations.kit import Recipe, debian, makefile

HAPROXY = Recipe(
    source=debian(
        "h/haproxy/haproxy_3.0.11.orig.tar.gz",
        "a133e2d550c5fd9a849b5c7ab17bb945bcdad209ca140d41f45ebf31943ae783",
    ),
    description="Spreads connections and requests over servers",
    licence="GPL-2.0-or-later AND LGPL-2.1-or-later",
    homepage="https://www.haproxy.org/",
    needs=("openssl", "pcre2", "zlib"),
    build=makefile(
        "TARGET=linux-musl USE_OPENSSL=1 USE_PCRE2=1 USE_PCRE2_JIT=1 USE_PROMEX=1 USE_ZLIB=1",
        # Found without being named, and so not written into the program.
        "PCRE2_INC= PCRE2_LIB= SSL_INC= SSL_LIB= ZLIB_INC= ZLIB_LIB=",
        'SBINDIR="$out/bin" MANDIR="$out/share/man"',
        install="install-bin install-man",
    ),
    programs=("haproxy -v",),
    check=(
        "printf '%s\\n' 'defaults' ' mode http' ' timeout client 1s' ' timeout server 1s'"
        " ' timeout connect 1s' 'frontend a' ' bind 127.0.0.1:8080' > it.cfg",
        '"$out/bin/haproxy" -c -f it.cfg',
    ),
    seconds=150,
)
