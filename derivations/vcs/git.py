"""The history of files, kept and shared."""

from derivations.kit import Recipe, debian, makefile

GIT = Recipe(
    source=debian(
        "g/git/git_2.47.3.orig.tar.xz",
        "9c2eb1250781b3e5bfef098572d07fdf132d67e6c065e4307332ade9819a1501",
    ),
    description="Keeps the history of files, and joins it with that of others",
    licence="GPL-2.0-only",
    homepage="https://git-scm.com/",
    needs=("curl", "expat", "openssl", "zlib"),
    tools=("tar",),
    build=makefile(
        "NO_GETTEXT=1 NO_PERL=1 NO_PYTHON=1 NO_TCLTK=1 NO_REGEX=NeedsStartEnd",
        "NO_INSTALL_HARDLINKS=1 SKIP_DASHED_BUILT_INS=1 SHELL_PATH=/bin/sh sysconfdir=/etc",
        'CURL_CFLAGS= CURL_LDFLAGS="$($PKG_CONFIG --libs libcurl)"',
        # Programs for tests alone.
        "TEST_PROGRAMS= UNIT_TEST_PROGRAMS= FUZZ_OBJS=",
        # A hook for another interpreter.
        finish=('rm "$out/share/git-core/templates/hooks/fsmonitor-watchman.sample"',),
    ),
    programs=("git", "scalar version"),
    check=(
        'export HOME="$PWD"',
        # The other end of a clone is found on it.
        'PATH="$out/bin:$PATH"',
        "git init -q it",
        "echo yes > it/file",
        "git -C it add file",
        "git -C it -c user.name=a -c user.email=a@b commit -q -m first",
        "git clone -q it copy",
        "cmp it/file copy/file",
        "git -C copy fsck --strict",
        '"$out/libexec/git-core/git-remote-https" 2>&1 | grep usage',
    ),
    seconds=200,
)
