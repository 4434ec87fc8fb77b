"""A small web server."""

from derivations.kit import Recipe, autotools, debian

MODULES = (
    "access accesslog ajp13 alias auth authn_file cgi deflate dirlisting evhost expire extforward"
    " fastcgi indexfile openssl proxy redirect rewrite rrdtool scgi setenv simple_vhost sockproxy"
    " ssi staticfile status userdir vhostdb webdav"
)

LIGHTTPD = Recipe(
    source=debian(
        "l/lighttpd/lighttpd_1.4.79.orig.tar.xz",
        "3b29a625b3ad88702d1fea4f5f42bb7d87488f2e4efc977d7f185329ca6084bd",
    ),
    description="Serves web pages with little memory",
    licence="BSD-3-Clause",
    homepage="https://www.lighttpd.net/",
    needs=("openssl", "pcre2", "zlib"),
    # All modules are in the program, which finds them by this list.
    build=autotools(
        "LIGHTTPD_STATIC=yes --with-openssl --with-pcre2 --with-zlib --without-bzip2 --without-lua",
        '--sbindir="$out/bin"',
        reconf=True,
        prepare=(
            f"for name in {MODULES}\n"
            "do\n"
            '    echo "PLUGIN_INIT(mod_$name)"\n'
            "done > /build/src/src/plugin-static.h",
        ),
    ),
    programs=("lighttpd -v",),
    check=(
        "mkdir page",
        "echo works > page/index.html",
        "printf '%s\\n' 'server.document-root = \"/build/obj/page\"' 'server.port = 8080'"
        ' \'server.bind = "127.0.0.1"\' \'server.modules = ("mod_indexfile", "mod_staticfile")\''
        " 'server.pid-file = \"/build/obj/pid\"' 'index-file.names = (\"index.html\")' > it.conf",
        '"$out/bin/lighttpd" -f it.conf',
        "exec 3<> /dev/tcp/127.0.0.1/8080",
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3",
        "grep works <&3",
        'kill "$(cat pid)"',
    ),
    seconds=100,
)
