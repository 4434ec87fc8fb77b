"""A mail server."""

from derivations.kit import Recipe, autotools, debian

OPENSMTPD = Recipe(
    source=debian(
        "o/opensmtpd/opensmtpd_7.6.0p1.orig.tar.gz",
        "b27c806982a6653a2637f810ae7a45372b9a7ff99350ee1003746503ff0e4a97",
        version="7.6.0",
    ),
    description="Takes mail over SMTP, keeps it in a queue, and delivers it",
    licence="ISC AND BSD-2-Clause AND BSD-3-Clause AND BSD-4-Clause",
    homepage="https://www.opensmtpd.org/",
    needs=("fts", "libevent", "openssl", "zlib"),
    tools=("bison",),
    # OpenSSL, linked statically, has an own function of this name.
    env=(("CPPFLAGS", "-Dtls_free=libtls_free"),),
    build=autotools(
        "--disable-shared --with-libfts --sysconfdir=/etc/mail --with-mantype=doc",
        "--with-path-socket=/run --with-path-pidfile=/run --with-path-mbox=/var/mail",
        '--with-path-CAfile=/etc/ssl/certs/ca-certificates.crt --sbindir="$out/bin"',
        # Its small programs take nothing of OpenSSL.
        "--with-ldflags=-Wl,--gc-sections",
        install="install DESTDIR=/build/dest",
        finish=(
            'cp -R /build/dest"$out" "$out"',
            # The system that runs it gives this right, and no package.
            'chmod 755 "$out/bin/smtpctl"',
            'ln -s smtpctl "$out/bin/sendmail"',
        ),
    ),
    programs=("smtpd -h",),
    check=(
        "echo 'listen on lo' > smtpd.conf",
        "echo 'action a relay' >> smtpd.conf",
        "echo 'match from local for any action a' >> smtpd.conf",
        '"$out/bin/smtpd" -n -f smtpd.conf 2>&1 | grep "configuration OK"',
    ),
    seconds=90,
)
