"""Tests of memory."""

from derivations.kit import Recipe, debian, makefile

MEMTESTER = Recipe(
    source=debian(
        "m/memtester/memtester_4.7.1.orig.tar.gz",
        "e427de663f7bd22d1ebee8af12506a852c010bd4fcbca1e0e6b02972d298b5bb",
    ),
    description="Tests the machine's memory from a running system",
    licence="GPL-2.0-only",
    homepage="https://pyropus.ca./software/memtester/",
    build=makefile(
        prepare=('echo "$CC $CFLAGS -c" > conf-cc', 'echo "$CC $LDFLAGS" > conf-ld'),
        install="all",
        finish=(
            "cd /build/src",
            'mkdir -p "$out/bin" "$out/share/man/man8"',
            'cp memtester "$out/bin/"',
            'cp memtester.8 "$out/share/man/man8/"',
        ),
    ),
    programs=("memtester",),
    seconds=5,
)
