"""Calls functions whose types are known only when it runs."""

from derivations.kit import Recipe, autotools, debian

LIBFFI = Recipe(
    source=debian(
        "libf/libffi/libffi_3.4.8.orig.tar.gz",
        "cbb7f0b3b095dc506387ec1e35b891bfb4891d05b90a495bc69a10f2293f80ff",
    ),
    description="Calls functions whose types are known only when it runs",
    licence="MIT",
    homepage="https://sourceware.org/libffi/",
    build=autotools("--disable-shared --disable-docs --disable-multi-os-directory", reconf=True),
    seconds=30,
)
