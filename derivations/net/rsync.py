"""Copies files elsewhere, and sends the differences only."""

from derivations.kit import Recipe, autotools, debian

RSYNC = Recipe(
    source=debian(
        "r/rsync/rsync_3.5.0+ds1.orig.tar.xz",
        "d5de0c8a95b00e0f50038ba04526bcbd5fe4f3ff97b4035bb97b084398bfbb60",
    ),
    description="Copies files elsewhere, and sends the differences only",
    licence="GPL-3.0-or-later",
    homepage="https://rsync.samba.org/",
    needs=("acl", "attr", "lz4", "popt", "xxhash", "zlib", "zstd"),
    build=autotools(
        "--disable-openssl --disable-md2man --with-included-zlib=no --with-included-popt=no",
        # Its copies of both are not in the archive, and configure would look for them.
        prepare=(
            "mkdir /build/src/popt /build/src/zlib",
            ": > /build/src/popt/dummy.in",
            ": > /build/src/zlib/dummy.in",
        ),
        # It wraps an OpenSSL that is not here, and wants Bash.
        finish=('rm "$out/bin/rsync-ssl"',),
    ),
    in_tree=True,
    programs=("rsync",),
    check=(
        "mkdir from",
        "echo yes > from/it",
        '"$out/bin/rsync" -a from/ to',
        "cmp from/it to/it",
    ),
    seconds=60,
)
