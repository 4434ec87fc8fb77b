"""Fetches files over HTTP and FTP."""

from derivations.kit import Recipe, configure, debian

WGET = Recipe(
    source=debian(
        "w/wget/wget_1.25.0.orig.tar.gz",
        "766e48423e79359ea31e41db9e5c289675947a7fcf2efdcedb726ac9d0da3784",
    ),
    description="Fetches files over HTTP and FTP",
    licence="GPL-3.0-or-later",
    homepage="https://www.gnu.org/software/wget/",
    # In the tree: it would say with which flags it was compiled, and the build's folder with them.
    build=configure(
        "--sysconfdir=/etc --disable-nls --disable-rpath --with-ssl=openssl --without-libpsl",
        "--disable-iri --disable-pcre --without-libuuid MAKEINFO=true",
        install='install sysconfdir="$out/etc"',
    ),
    needs=("openssl", "pcre2", "zlib"),
    tools=("openssl",),
    programs=("wget",),
    check=(
        "printf '[req]\\ndistinguished_name = name\\n[name]\\n' > req.conf",
        "openssl req -config req.conf -x509 -newkey ed25519 -nodes -keyout key -out cert"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost",
        "echo works > page",
        "openssl s_server -accept 8443 -cert cert -key key -WWW > said 2>&1 &",
        "until grep -q ACCEPT said\ndo\n    sleep 0.1\ndone",
        '"$out/bin/wget" -q --ca-certificate=cert -O got https://localhost:8443/page',
        'kill "$!"',
        "grep works got",
    ),
    upstream=("make -C /build/src/tests unit-tests", "/build/src/tests/unit-tests"),
    seconds=55,
)
