"""The language of many build systems."""

from derivations.kit import Recipe, debian, debian_patches, phase, phases

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
    patches=(
        # Vulnerabilities that were found after this version.
        debian_patches(
            "p/perl/perl_5.40.1-6+deb13u1.debian.tar.xz",
            "5ee76db601d6f4638433ab9b0f5bd5cfb15b102a79d902ff282e762becb7e724",
            "fixes/CVE-2024-56406.diff",
            "fixes/CVE-2025-40909-metaconfig.diff",
            "fixes/CVE-2025-40909-1.diff",
            "fixes/CVE-2025-40909-2.diff",
            "fixes/CVE-2025-40909-3.diff",
            "fixes/CVE-2025-40909-metaconfig-reorder.diff",
            "fixes/CVE-2026-8376-tests.diff",
            "fixes/CVE-2026-8376.diff",
            "fixes/CVE-2026-57432-1.diff",
            "fixes/CVE-2026-57432-2.diff",
            "fixes/CVE-2026-57433.diff",
            "fixes/CVE-2026-7010.diff",
            "fixes/CVE-2025-15649.diff",
            "fixes/CVE-2026-48959.diff",
            "fixes/CVE-2026-48961.diff",
            "fixes/CVE-2026-48962.diff",
            "fixes/CVE-2026-7017-1.diff",
            "fixes/CVE-2026-7017-2.diff",
            "fixes/CVE-2026-7017-3.diff",
            "fixes/CVE-2026-7017-4.diff",
            "fixes/CVE-2026-7017-5.diff",
            "fixes/CVE-2026-42496-1.diff",
            "fixes/CVE-2026-42496-2.diff",
            "fixes/CVE-2026-13221.diff",
            "fixes/CVE-2026-19487.diff",
            "fixes/CVE-2026-12087.diff",
        ),
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
            # What it found of compilers and tools, for others to use: by name, not by place; and
            # the time, which goes into Config_heavy.pl, comment and all.
            "sed -i -e \"s|$out|@out@|g; s|/store/[^/' ]*/bin/||g; s|/store/[^/' ]*/|/|g\""
            " -e \"s|@out@|$out|g; s|/build/needs/[^' ]* *||g; s|^cf_time=.*|cf_time='none'|;"
            ' s|^# Configuration time *:.*|# Configuration time: none|" config.sh',
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
