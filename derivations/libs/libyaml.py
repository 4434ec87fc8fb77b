"""Reads and writes YAML."""

from derivations.kit import Recipe, autotools, debian

LIBYAML = Recipe(
    source=debian(
        "liby/libyaml/libyaml_0.2.5.orig.tar.gz",
        "fa240dbf262be053f3898006d502d514936c818e422afdcf33921c63bed9bf2e",
    ),
    description="Reads and writes YAML",
    licence="MIT",
    homepage="https://pyyaml.org/wiki/LibYAML",
    build=autotools("--disable-shared", reconf=True),
    licences=("License",),
    upstream=("make check",),
    seconds=20,
)
