"""Repositories of git as web pages."""

from derivations.kit import Recipe, debian, makefile

CGIT = Recipe(
    source=debian(
        "c/cgit/cgit_1.2.3+git20240802.70.09d24d7+git2.46.0.orig.tar.xz",
        "81f8230179d646a5423fee1c998395741ff738538b265d9604e7376c5543b23c",
        version="1.2.3",
    ),
    # It is linked with git's own code, of an exact version.
    extra_sources=(
        debian(
            "c/cgit/cgit_1.2.3+git20240802.70.09d24d7+git2.46.0.orig-git.tar.xz",
            "7f123462a28b7ca3ebe2607485f7168554c2b10dfc155c7ec46300666ac27f95",
            version="2.46.0",
        ),
    ),
    description="Shows repositories of git as web pages, run by a web server",
    licence="GPL-2.0-only",
    homepage="https://git.zx2c4.com/cgit/",
    needs=("zlib",),
    build=makefile(
        "NO_LUA=1 NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_PERL=1 NO_PYTHON=1 NO_TCLTK=1",
        "NO_REGEX=NeedsStartEnd SHELL_PATH=/bin/sh CGIT_VERSION=v1.2.3",
        'CGIT_SCRIPT_PATH="$out/lib/cgit" CGIT_DATA_PATH="$out/share/cgit"',
        "CGIT_CONFIG=/etc/cgitrc CACHE_ROOT=/var/cache/cgit",
        prepare=("rm -rf git", 'cp -R --no-preserve=mode "$cgit_git_source" git'),
        finish=(
            # Written for other interpreters.
            'rm -rf "$out/lib/cgit/filters/html-converters"',
            'find "$out/lib/cgit" \\( -name "*.py" -o -name "*.lua" \\) -exec rm {} +',
        ),
    ),
    check=('CGIT_CONFIG=/none "$out/lib/cgit/cgit.cgi" | grep "cgit v1.2.3"',),
    licences=("git/COPYING",),
    seconds=120,
)
