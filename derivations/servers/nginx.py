"""Serves web pages, and passes requests on."""

from derivations.kit import Build, Recipe, configure, debian


def built(*options: str) -> Build:
    """Its build, for this recipe and its variants, with further options."""
    return configure(
        '--sbin-path="$out/bin/nginx" --conf-path="$out/etc/nginx/nginx.conf"',
        "--pid-path=/run/nginx.pid --http-log-path=/var/log/nginx/access.log",
        "--error-log-path=/var/log/nginx/error.log --lock-path=/run/nginx.lock",
        "--http-client-body-temp-path=/var/cache/nginx/client",
        "--http-proxy-temp-path=/var/cache/nginx/proxy",
        "--http-fastcgi-temp-path=/var/cache/nginx/fastcgi",
        "--http-uwsgi-temp-path=/var/cache/nginx/uwsgi",
        "--http-scgi-temp-path=/var/cache/nginx/scgi",
        "--with-http_gunzip_module --with-http_gzip_static_module --with-http_realip_module",
        "--with-http_ssl_module --with-http_v2_module --with-stream --with-stream_ssl_module",
        "--with-threads",
        *options,
        install="DESTDIR=/build/dest install",
        finish=(
            'mkdir -p "$out/share/man/man8"',
            'cp -R /build/dest"$out"/. "$out"/',
            'rm "$out"/etc/nginx/*.default',
            'cp /build/src/objs/nginx.8 "$out/share/man/man8/"',
        ),
    )


NGINX = Recipe(
    source=debian(
        "n/nginx/nginx_1.26.3.orig.tar.gz",
        "69ee2b237744036e61d24b836668aad3040dda461fe6f570f1787eab570c75aa",
    ),
    description="Serves web pages, and passes requests on",
    licence="BSD-2-Clause",
    homepage="https://nginx.org/",
    build=built(),
    needs=("openssl", "pcre2", "zlib"),
    tools=("openssl",),
    programs=("nginx -v",),
    check=(
        "mkdir page logs",
        "echo works > page/index.html",
        "printf '[req]\\ndistinguished_name = name\\n[name]\\n' > req.conf",
        "openssl req -config req.conf -x509 -newkey ed25519 -nodes -subj /CN=it"
        " -keyout key -out cert",
        "printf '%s\\n' 'pid nginx.pid; events {} http { access_log logs/access;'"
        " 'client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3;'"
        " 'uwsgi_temp_path 4; scgi_temp_path 5; ssl_certificate cert; ssl_certificate_key key;'"
        " 'server { listen 127.0.0.1:8080; listen 127.0.0.1:8443 ssl; root page; } }' > nginx.conf",
        'set -- "$out/bin/nginx" -p "$PWD/" -c "$PWD/nginx.conf" -e "$PWD/logs/error"',
        '"$@"',
        "exec 3<> /dev/tcp/127.0.0.1/8080",
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3",
        "grep works <&3",
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' > request",
        "openssl s_client -connect 127.0.0.1:8443 -CAfile cert -verify_return_error -quiet"
        " -ign_eof < request > secure",
        "grep works secure",
        '"$@" -s quit',
    ),
    seconds=60,
)
