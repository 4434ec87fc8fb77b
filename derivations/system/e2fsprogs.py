"""The file systems ext2 to ext4: make, check and change them."""

from derivations.kit import Recipe, autotools, debian

E2FSPROGS = Recipe(
    source=debian(
        "e/e2fsprogs/e2fsprogs_1.47.2.orig.tar.gz",
        "6dcd67ff9d8b13274ba3f088e4318be4f5b71412cd863524423fc49d39a6371f",
    ),
    description="Makes, checks and changes file systems of the kinds ext2 to ext4",
    licence="GPL-2.0-only AND LGPL-2.0-only AND BSD-3-Clause AND MIT",
    homepage="https://e2fsprogs.sourceforge.net/",
    licences=("NOTICE",),
    build=autotools(
        '--sbindir="$out/bin" --disable-fuse2fs --disable-uuidd --disable-e2initrd-helper',
        "--with-udev-rules-dir=no --with-crond-dir=no --with-systemd-unit-dir=no",
        install="install install-libs",
        finish=(
            # Scripts that look for volumes of LVM.
            'rm -f "$out"/bin/e2scrub* "$out/bin/compile_et" "$out/bin/mk_cmds"',
            'rm -rf "$out/etc/e2scrub.conf" "$out/share/et" "$out/share/ss" "$out/lib/e2fsprogs"',
        ),
    ),
    programs=("mke2fs -V", "e2fsck -V", "tune2fs", "resize2fs", "debugfs -V"),
    waive=(
        ("version tune2fs", "says it among its errors"),
        ("version resize2fs", "says it likewise"),
    ),
    check=(
        "truncate -s 8M disk",
        '"$out/bin/mke2fs" -q -t ext4 -L data disk',
        '"$out/bin/e2fsck" -f -n disk',
    ),
    seconds=60,
)
