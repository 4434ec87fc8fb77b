"""The kernel's interface as C headers."""

from derivations.kit import Recipe, debian, phase, phases

SOURCE = debian(
    "l/linux/linux_6.12.107.orig.tar.xz",
    "efc76d3c78a5d65f42724118c437d11db1c9f6309a5f024ee9a8b1978fdc6919",
    seconds=20,
    options=(
        "strip=1",
        "include=Makefile",
        "include=scripts",
        "include=include/uapi",
        "include=include/asm-generic",
        "include=arch/x86/Makefile*",
        "include=arch/x86/include",
        "include=arch/x86/entry/syscalls",
        "include=arch/x86/tools",
        "include=tools/include",
        "exclude=scripts/dtc",
    ),
)

LINUX_HEADERS = Recipe(
    name="linux-headers",
    description="The kernel's interface as C headers",
    licence="GPL-2.0-only WITH Linux-syscall-note",
    homepage="https://www.kernel.org/",
    seconds=15,
    source=SOURCE,
    in_tree=True,
    build=phases(
        # Kbuild's own target installs with rsync; what "headers" leaves in usr/include is the same.
        phase("build", "make -C /build/src ARCH=x86 HOSTCC=gcc headers"),
        phase(
            "install",
            'mkdir "$out"',
            'cp -r /build/src/usr/include "$out/include"',
            """find "$out/include" -type f ! -name '*.h' -exec rm {} +""",
        ),
    ),
    check=(
        "printf '#include <linux/fs.h>\\n#include <asm/unistd.h>\\n__NR_read\\n' > check.c",
        'gcc -nostdinc -I "$out/include" -E -P check.c > result',
        """test "$(tail -n 1 result)" = 0""",
    ),
)
