"""git for a machine that keeps repositories, and fetches from none: without a client of HTTP."""

from derivations.kit import makefile, variant
from derivations.vcs.git import GIT

GIT_SERVER = variant(
    GIT,
    name="git-server",
    description="Keeps the history of files, and serves it; without clients of HTTP",
    needs=("zlib",),
    build=makefile(
        "NO_GETTEXT=1 NO_PERL=1 NO_PYTHON=1 NO_TCLTK=1 NO_REGEX=NeedsStartEnd",
        "NO_CURL=1 NO_EXPAT=1 NO_OPENSSL=1",
        "NO_INSTALL_HARDLINKS=1 SKIP_DASHED_BUILT_INS=1 SHELL_PATH=/bin/sh sysconfdir=/etc",
        "TEST_PROGRAMS= UNIT_TEST_PROGRAMS= FUZZ_OBJS=",
        finish=('rm "$out/share/git-core/templates/hooks/fsmonitor-watchman.sample"',),
    ),
    check=(
        *GIT.check[:-1],
        'GIT_HTTP_EXPORT_ALL=1 GIT_PROJECT_ROOT="$PWD" PATH_INFO=/it/.git/HEAD REQUEST_METHOD=GET'
        ' "$out/libexec/git-core/git-http-backend" | grep refs/heads',
    ),
    seconds=150,
)
