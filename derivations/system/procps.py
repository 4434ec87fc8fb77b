"""The state of processes and of the machine."""

from derivations.kit import Recipe, autotools, debian

PROCPS = Recipe(
    source=debian(
        "p/procps/procps_4.0.4.orig.tar.xz",
        "22870d6feb2478adb617ce4f09a787addaf2d260c5a8aa7b17d889a962c5e42e",
    ),
    description="Shows processes, memory and load, and changes the kernel's settings",
    licence="GPL-2.0-or-later AND LGPL-2.1-or-later",
    homepage="https://gitlab.com/procps-ng/procps",
    needs=("ncurses",),
    build=autotools(
        "--disable-shared --enable-static --without-systemd --disable-kill --disable-modern-top",
        '--enable-watch8bit --sbindir="$out/bin"',
    ),
    programs=("ps", "top", "free", "pgrep", "pkill", "vmstat", "uptime", "watch", "sysctl", "w"),
    check=('"$out/bin/ps" -o comm= -p $$ | grep -q sh',),
    # The tests of its library. Those of its programs need DejaGnu, and are passed over.
    upstream=("make check",),
    seconds=45,
)
