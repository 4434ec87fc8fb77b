"""Plans builds for ninja."""

from derivations.kit import BUILD_TOOLS, Recipe, bytecode, phase, phases, pypi

MESON = Recipe(
    source=pypi(
        "meson-1.12.1.tar.gz",
        "ab0a6ca09f8ef70c564c8241fb5a23957886a0b53fb58412b5e07eaf07dba743",
    ),
    description="Plans the build of a package, from a text that says what it consists of",
    licence="Apache-2.0",
    homepage="https://mesonbuild.com/",
    runs=("python",),
    tools=("ninja",),
    files=(
        (
            "meson",
            "#!@python@/bin/python3\nimport sys\n\nsys.path.insert(0, '@out@/lib/meson')\n"
            "from mesonbuild.mesonmain import main\n\nsys.exit(main())\n",
        ),
    ),
    build=phases(
        phase(
            "install",
            'mkdir -p "$out/bin" "$out/lib/meson"',
            'cp -R --no-preserve=mode /build/src/mesonbuild "$out/lib/meson/"',
            'sed "s|@python@|$python|; s|@out@|$out|" ../meson > "$out/bin/meson"',
            'chmod 755 "$out/bin/meson"',
            *bytecode("$out/lib", python="$python/bin/python3"),
        ),
        tools=BUILD_TOOLS,
    ),
    programs=("meson",),
    waive=(("paths", "it speaks of folders that are called so"),),
    check=(
        "printf \"project('a', 'c')\\nexecutable('a', 'a.c')\\n\" > meson.build",
        "echo 'int main(void) { return 0; }' > a.c",
        '"$out/bin/meson" setup obj',
        "ninja -C obj",
        "./obj/a",
    ),
    seconds=10,
)
