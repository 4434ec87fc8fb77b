"""Disks, mounts, terminals and processes."""

from derivations.kit import Recipe, autotools, debian

UTIL_LINUX = Recipe(
    source=debian(
        "u/util-linux/util-linux_2.41.5.orig.tar.xz",
        "f586e35d320ff537aab3ffeca37e9ecd482ccbe013590db4429a414d8aa6a728",
    ),
    description="Programs for disks, mounts, terminals and processes, and their libraries",
    licence=(
        "GPL-2.0-or-later AND GPL-2.0-only AND GPL-3.0-or-later AND LGPL-2.1-or-later"
        " AND BSD-2-Clause AND BSD-3-Clause AND BSD-4-Clause-UC AND MIT AND ISC AND EUPL-1.2"
    ),
    homepage="https://github.com/util-linux/util-linux",
    needs=("ncurses", "zlib"),
    build=autotools(
        "--disable-shared --enable-static --disable-asciidoc --without-python --without-systemd",
        "--without-udev --without-tinfo --without-readline --without-audit --without-selinux",
        "--disable-chfn-chsh --disable-login --disable-su --disable-runuser --disable-liblastlog2",
        "--disable-pam-lastlog2 --disable-makeinstall-chown --disable-makeinstall-setuid",
        "--disable-bash-completion --disable-use-tty-group --disable-poman --sysconfdir=/etc",
        "--without-cap-ng --without-libmagic --without-user --without-btrfs --without-econf",
        '--bindir="$out/bin" --sbindir="$out/bin"',
    ),
    programs=(
        "mount",
        "lsblk",
        "fdisk",
        "blkid",
        "setsid",
        "script",
        "hexdump",
        "unshare",
        "agetty",
    ),
    check=('test "$(printf a | "$out/bin/hexdump" -e \'"%x"\')" = 61',),
    licences=("README.licensing", "Documentation/licenses"),
    # Left out: what needs a terminal, leases or /etc/fstab, of which the sandbox has none, and what
    # expects the signals and the words of another C library.
    upstream=(
        "make check-programs",
        "bash /build/src/tests/run.sh --srcdir=/build/src --builddir=/build/obj --nonroot"
        " --exclude='kill/decode lsfd/column-ainodeclass lsfd/column-type lsfd/column-xmode"
        " lsfd/mkfds-pty lslocks/lslocks misc/enosys script/buffering-race script/options"
        " script/race script/replay'",
    ),
    upstream_tools=("bzip2", "gzip", "xz"),
    seconds=180,
)
