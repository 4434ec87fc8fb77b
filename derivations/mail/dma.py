"""Sends mail on, for a system that takes none."""

from derivations.kit import Recipe, debian, phase, phases

DMA = Recipe(
    source=debian(
        "d/dma/dma_0.14.orig.tar.gz",
        "a36e77a59dd288a582dbeed7166ac4212e39120323bac75c74d7923e1d7b63e8",
    ),
    description="Sends mail on, and delivers it to local users; it takes none from the net",
    licence="BSD-3-Clause",
    homepage="https://github.com/corecode/dma",
    needs=("libbsd", "openssl"),
    tools=("bison", "flex"),
    in_tree=True,
    # Words for make would hide the flags that it adds to those of the environment. The system that
    # runs it gives its programs the rights of the group mail.
    build=phases(
        phase(
            "build",
            # libbsd has what musl lacks.
            "mkdir /build/src/sys",
            "cp /build/needs/include/bsd/sys/queue.h /build/src/sys/",
            'CFLAGS="$CFLAGS -I. -include bsd/stdlib.h -DHAVE_GETPROGNAME'
            ' -DHAVE_STRLCPY" make -C /build/src YACC="bison -y" LEX=flex LIBEXEC="$out/lib/dma"'
            ' LDADD="-lssl -lcrypto -lbsd -lmd"',
        ),
        phase(
            "install",
            "cd /build/src",
            'mkdir -p "$out/bin" "$out/lib/dma" "$out/share/dma" "$out/share/man/man8"',
            'cp dma "$out/bin/"',
            'cp dma-mbox-create "$out/lib/dma/"',
            'cp auth.conf dma.conf "$out/share/dma/"',
            'cp dma.8 "$out/share/man/man8/"',
            'for name in mailq newaliases sendmail\ndo\n    ln -s dma "$out/bin/$name"\ndone',
        ),
    ),
    programs=("dma",),
    waive=(("version", "it says none; as another user than that of mail, it ends at once"),),
    check=('strings "$out/bin/dma" | grep -x "DragonFly Mail Agent v0.14"',),
    seconds=15,
)
