"""Tool command language: its shell and library."""

from derivations.kit import Recipe, configure, debian

TCL = Recipe(
    source=debian(
        "t/tcl8.6/tcl8.6_8.6.16+dfsg.orig.tar.gz",
        "c3b6a803ea2e55cafa8b4b52546a6b3bb3722927dcf4bebe3a6549fd353702ea",
        name="tcl",
    ),
    description="Tool command language: its shell and library",
    licence="TCL",
    homepage="https://www.tcl-lang.org/",
    build=configure(
        "--disable-shared --enable-64bit",
        prepare=("cd unix",),
        build="-C unix binaries libraries",
        install="-C unix install-binaries install-libraries install-headers TZDATA=",
        finish=(
            'sed -i "s|/build/src/unix|$out/lib|g; s|/build/src|$out|g" "$out/lib/tclConfig.sh"',
            'ln -s tclsh8.6 "$out/bin/tclsh"',
        ),
    ),
    needs=("zlib",),
    programs=("tclsh",),
    waive=(("version tclsh", "says it in its language, as the check asks"),),
    check=("""test "$(echo 'puts $tcl_patchLevel' | "$out/bin/tclsh")" = 8.6.16""",),
    seconds=120,
)
