"""which, run-parts and their like."""

from derivations.kit import Recipe, debian, phase, phases

DEBIANUTILS = Recipe(
    source=debian(
        "d/debianutils/debianutils_5.24.tar.xz",
        "bf79c301ad48e82ddb09d8c0770f6d44294ee9529ae5e54164072f7bf5c57016",
    ),
    description="Finds programs on the path, and runs all that are in a folder",
    licence="GPL-2.0-or-later",
    homepage="https://tracker.debian.org/pkg/debianutils",
    # Its tree has no configure script, and these need none.
    build=phases(
        phase(
            "build",
            "for name in run-parts tempfile\n"
            "do\n"
            "    $CC $CFLAGS $LDFLAGS -D_GNU_SOURCE -DHAVE_GETOPT_H -DPACKAGE_VERSION='\"5.24\"'"
            ' -o "$name" "/build/src/$name.c"\n'
            "done",
        ),
        phase(
            "install",
            'mkdir -p "$out/bin" "$out/share/man/man1" "$out/share/man/man8"',
            'cp run-parts tempfile "$out/bin/"',
            "cd /build/src",
            'install -m 755 savelog "$out/bin/"',
            'install -m 755 which.debianutils "$out/bin/which"',
            'cp tempfile.1 "$out/share/man/man1/"',
            'cp which.debianutils.1 "$out/share/man/man1/which.1"',
            'cp run-parts.8 savelog.8 "$out/share/man/man8/"',
        ),
    ),
    programs=("run-parts", "tempfile", "which", "savelog"),
    check=('test "$("$out/bin/which" sh)" = "$(command -v sh)"',),
    licences=("debian/copyright",),
    waive=(("version which", "says none"), ("version savelog", "says none")),
    upstream=("bash /build/src/debian/tests/run-parts.test",),
    seconds=5,
)
