"""A terminal for serial lines."""

from derivations.kit import Recipe, debian, makefile

PICOCOM = Recipe(
    source=debian(
        "p/picocom/picocom_3.1.orig.tar.gz",
        "e6761ca932ffc6d09bd6b11ff018bdaf70b287ce518b3282d29e0270e88420bb",
    ),
    description="A terminal for serial lines",
    licence="GPL-2.0-or-later",
    homepage="https://github.com/npat-efault/picocom",
    build=makefile(
        install="picocom",
        finish=(
            'mkdir -p "$out/bin" "$out/share/man/man1"',
            'cp /build/src/picocom "$out/bin/"',
            'cp /build/src/picocom.1 "$out/share/man/man1/"',
        ),
    ),
    env=(("CPPFLAGS", "-DNO_CUSTOM_BAUD"),),
    programs=("picocom --help",),
    seconds=5,
)
