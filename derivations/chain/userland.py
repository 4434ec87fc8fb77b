"""A shell and a userland, by tcc: from there on no program of the seed runs in a build."""

from __future__ import annotations

from derivations import bash, findutils, gawk
from derivations.kit import Recipe, phase, phases, variant
from derivations.system.busybox import BUSYBOX

# The folders whose programs a build runs. Those of the others would want the kernel's headers.
_WANTED = "applets archival coreutils debianutils editors findutils libbb shell"

# All that the other folders have to choose is left out, and so are instructions of one processor,
# help that only bzip2 unpacks, and the second shell, which tcc does not link.
_CONFIGURE = f"""\
cd /build/src
# A text in brackets initialises no array for tcc.
sed -i 's/^#define N_(text) (text)/#define N_(text) text/' scripts/kconfig/lkc.h
eval "$make defconfig" > /build/obj/defconfig
for folder in */; do
    case " {_WANTED} " in *" ${{folder%/}} "*) continue ;; esac
    find "$folder" -name '*.c' -o -name 'Config.*'
done | xargs sed -n 's,^\\(//config:\\)*[ \\t]*config ,,p' | sort -u > /build/obj/left-out
printf '%s\\n' SHA1_HWACCEL SHA256_HWACCEL FEATURE_COMPRESS_USAGE HUSH >> /build/obj/left-out
while read name; do
    echo "/^CONFIG_$name=/d"
done < /build/obj/left-out > /build/obj/script
sed -i -f /build/obj/script .config
sed 's/.*/# CONFIG_& is not set/' /build/obj/left-out >> .config
yes '' | eval "$make oldconfig" > /build/obj/oldconfig
"""

# tcc has another way to name the file of dependencies, and no options for the order of sections. It
# looks into each archive once, so that archives that need each other are named again.
_CC = """\
archives=
for word; do
    shift
    case $word in
        -Wp,-MD,*) set -- "$@" -MD -MF "${word#-Wp,-MD,}" ;;
        -Wl,*) ;;
        *.a) archives="$archives $word" ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec cc "$@" $archives $archives $archives
"""

# It makes no archive of nothing.
_AR = """\
if [ $# -gt 2 ]; then exec tcc -ar "$@"; fi
echo '!<arch>' > "$2"
"""

_MAKE = (
    "make HOSTCC='sh /build/cc.sh' HOSTCFLAGS= CC='sh /build/cc.sh' AR='sh /build/ar.sh' LD=tcc"
    " SKIP_STRIP=y EXTRA_CFLAGS='-w -D__GNUC__=3 -D__GNUC_MINOR__=4'"
)

BUSYBOX_BY_TCC = Recipe(
    name="chain-busybox",
    description="A shell and the usual programs in one file, compiled by tcc",
    licence=BUSYBOX.licence,
    homepage=BUSYBOX.homepage,
    source=BUSYBOX.source,
    in_tree=True,
    seconds=20,
    files=(("configure.sh", _CONFIGURE), ("cc.sh", _CC), ("ar.sh", _AR)),
    build=phases(
        phase("configure", f'make="{_MAKE}" sh -eu ../configure.sh'),
        phase(
            "build",
            "cd /build/src",
            _MAKE,
        ),
        phase(
            "install",
            'mkdir -p "$out/bin"',
            'cp /build/src/busybox "$out/bin/"',
            # Names of the seed's userland and no more: what a configure script finds is the same.
            'for name in $("$out/bin/busybox" --list); do'
            ' if [ -e "/bin/$name" ]; then ln -s busybox "$out/bin/$name"; fi; done',
        ),
    ),
    check=("""test "$("$out/bin/busybox" sh -c 'echo $((6 * 7))')" = 42""",),
)

# gcc's options are tables that awk writes. busybox's leaves those of C++ out, as it keeps no
# backslash before a plus. Neither of the two is looked at with the distribution's checks: there is
# no readelf of its own yet.
GAWK = variant(
    gawk.GAWK,
    name="chain-gawk",
    programs=(),
    check=(
        *gawk.GAWK.check,
        """test "$("$out/bin/awk" 'BEGIN { t = "c+"; gsub(/[+]/, "\\\\+", t); print t }')" """
        """= 'c\\+'""",
    ),
)
FINDUTILS = variant(findutils.FINDUTILS, name="chain-findutils", programs=())

# gcc writes down how it was configured, and its configure script puts quotes round options with
# special characters. With musl, busybox's shell does not find them: in `[\[\]{]` musl takes the
# second backslash for a member of the set, and the bracket behind it for the end. So the text in
# stage 1's compiler would not be that of the other seeds.
BASH = variant(
    bash.BASH,
    name="chain-bash",
    programs=(),
    check=(
        *bash.BASH.check,
        """test "$("$out/bin/sh" -c 'case "{" in [\\[\\]{]) echo seen ;; esac')" = seen""",
    ),
)
