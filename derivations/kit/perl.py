"""Modules of Perl that are Perl throughout."""

from __future__ import annotations

from derivations.kit.build import BUILD_TOOLS, Build, Phase
from derivations.kit.checked import checked


@checked
def perl(*options: str, finish: tuple[str, ...] = ()) -> Build:
    """``Makefile.PL``, make and install, into ``lib/perl5``."""
    words = " ".join(
        (
            'perl Makefile.PL INSTALL_BASE="$out" INSTALLMAN1DIR=none INSTALLMAN3DIR=none',
            "NO_PACKLIST=1 NO_PERLLOCAL=1",
            *options,
        )
    )
    return Build(
        (
            Phase("configure", ("cd /build/src", words)),
            Phase("build", ("make -C /build/src",)),
            Phase("install", ("make -C /build/src pure_install", *finish)),
        ),
        (*BUILD_TOOLS, "perl"),
        in_tree=True,
    )
