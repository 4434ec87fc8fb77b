"""Runs commands at fixed times."""

from derivations.kit import Recipe, autotools, debian

CRONIE = Recipe(
    source=debian(
        "c/cronie/cronie_1.7.2.orig.tar.gz",
        "f1da374a15ba7605cf378347f96bc8b678d3d7c0765269c8242cfe5b0789c571",
    ),
    description="Runs commands at fixed times",
    licence="ISC",
    homepage="https://github.com/cronie-crond/cronie",
    build=autotools(
        "--sysconfdir=/etc --localstatedir=/var --without-pam --without-selinux --without-audit",
        '--sbindir="$out/bin" SPOOL_DIR=/var/spool/cron',
        install="install DESTDIR=/build/dest",
        finish=('cp -R /build/dest"$out" "$out"',),
    ),
    programs=("crond -V", "crontab -V"),
    seconds=30,
)
