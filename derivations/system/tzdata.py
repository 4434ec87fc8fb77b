"""The world's time zones."""

from derivations.kit import Recipe, debian, phase, phases

# The compiler of these rules is not among them, and the C library here has none.
_ZIC = debian(
    "g/glibc/glibc_2.41.orig.tar.xz",
    "f24aa441021121a79266f0d75242706cab8843a47901fefe74527491807f1998",
    name="zic",
    options=("strip=1", "include=timezone"),
)

TZDATA = Recipe(
    source=debian(
        "t/tzdata/tzdata_2026c.orig.tar.gz",
        "e4a178a4477f3d0ea77cc31828ff72aa38feff8d61aa13e7e99e142e9d902be4",
        options=(),
    ),
    extra_sources=(_ZIC,),
    description="The rules of all time zones, compiled",
    licence="LicenseRef-Public-Domain",
    homepage="https://www.iana.org/time-zones",
    in_tree=True,
    build=phases(
        phase(
            "build",
            # Two headers that its Makefile writes; options say what they would.
            "touch tzdir.h version.h",
            "gcc -I. $CFLAGS $LDFLAGS -DTZDIR='\"/share/zoneinfo\"'"
            " -DTZDEFAULT='\"/etc/localtime\"' -DTZDEFRULES='\"posixrules\"'"
            " -DPKGVERSION='\"\"' -DTZVERSION='\"\"'"
            " -DREPORT_BUGS_TO='\"\"' -DHAVE_GETTEXT=0 -DTZ_DOMAIN='\"\"'"
            ' -o zic "$zic_source/timezone/zic.c"',
            "make -C /build/src VERSION_DEPS= tzdata.zi",
        ),
        phase(
            "install",
            "cd /build/src",
            'mkdir -p "$out/share/zoneinfo" "$out/bin"',
            'cp ../obj/zic "$out/bin/"',
            '"$out/bin/zic" -b slim -d "$out/share/zoneinfo" tzdata.zi',
            'cp *.tab leap-seconds.list tzdata.zi "$out/share/zoneinfo/"',
        ),
    ),
    programs=("zic",),
    check=('test "$(TZ="$out/share/zoneinfo/Asia/Tokyo" date -d @0 +%H%Z)" = 09JST',),
    waive=(("version", "its compiler is another project's"),),
    seconds=20,
)
