"""Open files, and the processes that have them open."""

from derivations.kit import Recipe, debian, phase, phases

LSOF = Recipe(
    source=debian(
        "l/lsof/lsof_4.99.4+dfsg.orig.tar.xz",
        "dc3e7f51cf03bc7fbcdd9e62d4a52825682092031bd1ae08b15fe7f4f582aebf",
    ),
    description="Lists open files and the processes that have them open",
    licence="lsof",
    homepage="https://github.com/lsof-org/lsof",
    in_tree=True,
    build=phases(
        # Its Autotools files are for others; this script is for Linux alone.
        phase(
            "configure",
            "cd /build/src",
            # That of our headers: the program would hold the version of the kernel below the build.
            "sed -i 's/=`uname -r`/=6.12.107/' Configure",
            'LSOF_CC="$CC" LSOF_CFGL="$LDFLAGS" LINUX_CLIB=-DGLIBCV=239 ./Configure -n linux',
        ),
        phase("build", "make -C /build/src LSOF_USER=none DEBUG=-O2"),
        phase(
            "install",
            "cd /build/src",
            'mkdir -p "$out/bin" "$out/share/man/man8"',
            'cp lsof "$out/bin/"',
            'cp Lsof.8 "$out/share/man/man8/lsof.8"',
        ),
    ),
    programs=("lsof -v",),
    check=('"$out/bin/lsof" -p $$ | grep -q cwd',),
    seconds=15,
)
