"""JavaScript in a small program."""

from derivations.kit import Recipe, debian, phase, phases

QUICKJS = Recipe(
    source=debian(
        "q/quickjs/quickjs_2025.04.26.orig.tar.xz",
        "ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe",
        version="2025-04-26",
    ),
    description="Runs JavaScript of today, and compiles it",
    licence="MIT",
    homepage="https://bellard.org/quickjs/",
    in_tree=True,
    # Its flags are added to those of the environment; as words for make they would hide its own.
    build=phases(
        phase("build", 'make -C /build/src PREFIX="$out" qjs qjsc libquickjs.a'),
        phase(
            "install",
            "cd /build/src",
            'mkdir -p "$out/bin" "$out/include/quickjs" "$out/lib/quickjs"',
            'cp qjs qjsc "$out/bin/"',
            'cp quickjs.h quickjs-libc.h "$out/include/quickjs/"',
            'cp libquickjs.a "$out/lib/quickjs/"',
        ),
    ),
    programs=("qjs --help", "qjsc --help"),
    check=('test "$("$out/bin/qjs" -e "console.log(2n ** 70n)")" = 1180591620717411303424',),
    # Without those of modules that are shared libraries, which cannot be linked.
    upstream=("make -C /build/src CONFIG_SHARED_LIBS= test",),
    seconds=60,
)
