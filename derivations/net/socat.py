"""Joins two streams of bytes of any kind."""

from derivations.kit import Recipe, autotools, debian, debian_patches

SOCAT = Recipe(
    source=debian(
        "s/socat/socat_1.8.0.3.orig.tar.bz2",
        "01eb017361d95bb3a6941e840b59e4463a3fabf92df4154ed02b16a2ed6a0095",
    ),
    description="Joins two streams of bytes of any kind",
    licence="GPL-2.0-only",
    homepage="http://www.dest-unreach.org/socat/",
    needs=("openssl", "readline"),
    patches=(
        debian_patches(
            "s/socat/socat_1.8.0.3-1+deb13u1.debian.tar.xz",
            "2c19480da54317ad12d7e9b176bc23bde368b38756ed87aca3712b753ef83e86",
            "CVE-2026-56123.patch",
        ),
    ),
    runs=("sh",),
    build=autotools(
        "--disable-libwrap",
        # Its scripts are looked for where the build goes on.
        prepare=("cp /build/src/socat-*.sh .",),
        finish=('sed -i "1s|.*|#!$sh/bin/bash|" "$out"/bin/*.sh',),
    ),
    programs=("socat -V",),
    check=(
        '"$out/bin/socat" -u TCP-LISTEN:8080,bind=127.0.0.1 CREATE:got &',
        '"$out/bin/socat" -u EXEC:"echo works" TCP:127.0.0.1:8080,retry=50,interval=0.1',
        'wait "$!"',
        "grep works got",
    ),
    seconds=40,
)
