"""A database of SQL in one file, without a server."""

from derivations.kit import Recipe, autotools, debian, debian_patches

SQLITE = Recipe(
    source=debian(
        "s/sqlite3/sqlite3_3.46.1.orig.tar.xz",
        "d0cdd2ece271b29e7ce18095745d892517ee26d0f270065b3a25c2e9eb11639c",
        name="sqlite",
    ),
    description="A database of SQL in one file, without a server",
    licence="blessing",
    homepage="https://sqlite.org/",
    needs=("readline", "zlib"),
    tools=("tcl",),
    patches=(
        debian_patches(
            "s/sqlite3/sqlite3_3.46.1-7+deb13u2.debian.tar.xz",
            "59d33bc436258603702bb051d645743ab03612b82f79e7c7d638c65127c21261",
            "41-fix_a_bug_in_the_NOT_NULL-IS_NULL_optimization.patch",
            "50-CVE-2025-29087.patch",
            "51-CVE-2025-29088.patch",
            "52-CVE-2025-6965.patch",
            "53-CVE-2025-7709.patch",
            "54-CVE-2026-11822_CVE-2026-11824.patch",
        ),
    ),
    build=autotools(
        "--disable-shared --disable-tcl --enable-all --with-readline-inc=-I/build/needs/include"
        ' --with-readline-lib="-lreadline -lncursesw"',
    ),
    programs=("sqlite3",),
    licences=("LICENSE.md",),
    check=(
        """test "$("$out/bin/sqlite3" a.db 'create table t (a); insert into t values (6), (7);' \\
        'select sum(a) from t')" = 13""",
    ),
    seconds=170,
)
