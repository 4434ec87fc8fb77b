"""Runs the commands that other programs have planned."""

from derivations.kit import BUILD_TOOLS, Recipe, debian, phase, phases

NINJA = Recipe(
    source=debian(
        "n/ninja-build/ninja-build_1.12.1.orig.tar.gz",
        "821bdff48a3f683bc4bb3b6f0b5fe7b2d647cf65d52aeb63328c91a6c6df285a",
        name="ninja",
    ),
    description="Runs the commands of a build, as fast as they can start",
    licence="Apache-2.0",
    homepage="https://ninja-build.org/",
    build=phases(
        phase("build", "cd /build/src", "python3 configure.py --bootstrap"),
        phase("install", 'mkdir -p "$out/bin"', 'cp /build/src/ninja "$out/bin/"'),
        tools=(*BUILD_TOOLS, "python"),
        in_tree=True,
    ),
    programs=("ninja",),
    check=(
        "printf 'rule touch\\n  command = touch $out\\nbuild a: touch\\n' > build.ninja",
        '"$out/bin/ninja"',
        "test -f a",
    ),
    seconds=120,
)
