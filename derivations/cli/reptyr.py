"""Programs that move to another terminal."""

from derivations.kit import Recipe, debian, makefile

REPTYR = Recipe(
    source=debian(
        "r/reptyr/reptyr_0.9.0.orig.tar.gz",
        "b442fbb80a1003b1985974c6fc9eeb8124a43a9bf014ae6af8cde0ca5e587731",
    ),
    description="Takes a running program over to another terminal",
    licence="MIT",
    homepage="https://github.com/nelhage/reptyr",
    build=makefile(
        'BASHCOMPDIR="$out/share/bash-completion/completions"',
        # Warnings that a newer compiler knows are no errors.
        prepare=("sed -i 's/ -Werror//' Makefile",),
    ),
    programs=("reptyr -v",),
    waive=(("version", "this release says that it is 0.8.0"),),
    seconds=5,
)
