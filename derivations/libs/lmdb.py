"""A database in one mapped file."""

from derivations.kit import Recipe, debian, makefile

LMDB = Recipe(
    source=debian(
        "l/lmdb/lmdb_0.9.31.orig.tar.gz",
        "d35d4f6f46313d62fd342c9dcbf574432919ce5e802d2b6cbe2ebd549821e5c4",
    ),
    description="A database in one mapped file",
    licence="OLDAP-2.8",
    homepage="https://www.symas.com/lmdb",
    build=makefile(
        "ILIBS=liblmdb.a",
        'PROGS="mdb_stat mdb_copy mdb_dump mdb_load"',
        folder="libraries/liblmdb",
    ),
    programs=("mdb_copy -V", "mdb_dump -V", "mdb_load -V", "mdb_stat -V"),
    licences=("libraries/liblmdb/COPYRIGHT", "libraries/liblmdb/LICENSE"),
    upstream=('make -C /build/src/libraries/liblmdb CC="$CC" ILIBS=liblmdb.a test',),
    seconds=15,
)
