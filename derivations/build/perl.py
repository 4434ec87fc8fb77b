"""The language of many build systems."""

from derivations.kit import Recipe, debian, phase, phases

CONFIGURE = (
    'sh Configure -dEs -Dprefix="$out" -Uusedl -Uusenm -Dcc="$CC" -Dar=ar -Dnm=nm'
    ' -Doptimize="$CFLAGS" -Dccflags=-D_GNU_SOURCE -Dldflags="$LDFLAGS" -Dlibs=-lm -Dlibpth=/lib'
    " -Dlocincpth= -Dloclibpth= -Dusrinc=/include -Dglibpth=/lib -Dxlibpth=/lib"
    ' -Dprivlib="$out/lib/perl5" -Darchlib="$out/lib/perl5" -Dinc_version_list=none'
    ' -Dsitelib="$out/lib/perl5/site" -Dsitearch="$out/lib/perl5/site"'
    " -Dman1dir=none -Dman3dir=none -Dpager=less -Dosvers=0 -Dmyuname=linux"
    " -Dmyhostname=localhost -Dmydomain=.localdomain -Dcf_by=fixpoint"
    " -Dcf_email=root@localhost -Dperladmin=root@localhost"
)

PERL = Recipe(
    source=debian(
        "p/perl/perl_5.40.1.orig.tar.xz",
        "dfa20c2eef2b4af133525610bbb65dd13777ecf998c9c5b1ccf0d308e732ee3f",
    ),
    description="The language Perl, with all that it brings linked into one program",
    licence="Artistic-1.0-Perl OR GPL-1.0-or-later",
    homepage="https://www.perl.org/",
    licences=("Copying", "Artistic"),
    build=phases(
        phase(
            "configure",
            "cd /build/src",
            CONFIGURE,
            # What it found of compilers and tools, for others to use: by name, not by place.
            "sed -i -e \"s|$out|@out@|g; s|/store/[^/' ]*/bin/||g; s|/store/[^/' ]*/|/|g\""
            " -e \"s|@out@|$out|g; s|/build/needs/[^' ]* *||g; s|^cf_time=.*|cf_time='none'|\""
            " config.sh",
            "sh Configure -S",
        ),
        phase("build", "make -C /build/src"),
        phase(
            "install",
            "make -C /build/src install.perl",
            'rm -rf "$out/lib/perl5/pod"',
            'ln -sf perl "$out/bin/perl5.40.1"',
        ),
        in_tree=True,
    ),
    programs=("perl -v",),
    check=(
        '"$out/bin/perl" -MPOSIX -MSocket -MStorable -MDigest::SHA=sha1_hex -e'
        " 'print sha1_hex(q(a)), POSIX::floor(2.5)' | grep 86f7e437faa5",
    ),
    seconds=500,
)
