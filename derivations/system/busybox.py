"""The small userland in one program."""

from derivations.kit import Recipe, debian, kernel

BUSYBOX = Recipe(
    source=debian(
        "b/busybox/busybox_1.37.0.orig.tar.bz2",
        "3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4",
    ),
    description="The usual programs, an init and a shell in one file",
    licence="GPL-2.0-only",
    homepage="https://busybox.net/",
    build=kernel(
        "defconfig",
        "CONFIG_STATIC=y",
        "CONFIG_INSTALL_NO_USR=y",
        # The kernel's headers have no such queues any more.
        "CONFIG_TC=n",
        install=(
            'make CONFIG_PREFIX="$out" install',
            'for link in "$out"/sbin/*; do ln -s busybox "$out/bin/${link##*/}"; done',
            'rm -r "$out/sbin" "$out/linuxrc"',
        ),
        tools=("bzip2",),
    ),
    programs=("busybox --help",),
    check=("""test "$("$out/bin/busybox" sh -c 'echo $((6 * 7))')" = 42""",),
    seconds=90,
)
