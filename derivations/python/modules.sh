# Compiles the modules that `store` imports, for a Python that is configured and not yet made, in its
# folder. Sources are in ../modules: blake3, lmdb, msgpack, zstd, and two files of our own.
modules=/build/modules
compile() { # compile FOLDER FLAGS... FILES...: each file to an object of its own
    folder=$modules/$1
    shift
    (cd "$folder" && $CC $CFLAGS -I/build/src/Include -I/build/obj "$@")
}

compile own -c fixpoint_calls.c fixpoint_ed25519.c

version='"'$(sed -n 's/^Version: //p' $modules/blake3/PKG-INFO)'"'
compile blake3/c_impl -Ivendor -DSETUP_PY_VERSION="$version" -DSETUP_PY_DESCRIPTION='"C"' -c blake3module.c \
    vendor/blake3.c vendor/blake3_dispatch.c vendor/blake3_portable.c \
    vendor/blake3_sse2_x86-64_unix.S vendor/blake3_sse41_x86-64_unix.S \
    vendor/blake3_avx2_x86-64_unix.S vendor/blake3_avx512_x86-64_unix.S

compile msgpack -I. -Imsgpack -w -c msgpack/_cmsgpack.c
compile zstd/src/c/compression_zstd -I../compat -I. -Iclinic -I../pythoncapi-compat \
    -c _zstdmodule.c compressor.c decompressor.c zstddict.c

# LMDB's two formats, patched and renamed as setup.py does it.
for engine in v09:lib:lib09 v10:lib1:lib10
do
    name=${engine%%:*}
    rest=${engine#*:}
    tree=$modules/lmdb/${rest%:*}
    made=$modules/lmdb/build/${rest#*:}
    mkdir -p "$made"
    cp -R "$tree"/* $modules/lmdb/lmdb/engine.c "$made/"
    cp "$tree/py-lmdb/rename.h" "$made/lmdb_rename.h"
    sed -n "/name='$name'/,/\],/p" $modules/lmdb/setup.py |
        sed -n "/patch_names/,\$s/^ *'\([a-z0-9-]*\)',\$/\1/p" > "$made/names"
    test -s "$made/names"
    while read -r patch
    do
        patch -s -p3 -d "$made" -i "$tree/py-lmdb/$patch.patch"
    done < "$made/names"
    for file in mdb midl engine
    do
        sed -i '1i #include "lmdb_rename.h"' "$made/$file.c"
    done
done
lmdb="-DHAVE_PATCHED_LMDB=1 -UNDEBUG -w -I$modules/lmdb/lib/py-lmdb -I$modules/lmdb/lmdb -I$modules/lmdb/build/lib10"
compile lmdb/build/lib09 $lmdb -DLMDB_ENGINE_V09=1 -c mdb.c midl.c engine.c
compile lmdb/build/lib10 $lmdb -DLMDB_ENGINE_V10=1 -c mdb.c midl.c engine.c
compile lmdb $lmdb -DLMDB_ENGINE_V09=1 -DLMDB_ENGINE_V10=1 -c lmdb/cpython.c

# Objects of one name come from two folders, so that they are added one by one.
find $modules -name '*.o' | sort | while read -r object
do
    name=$(echo "${object#$modules/}" | tr / _)
    mv "$object" "$modules/$name"
    $AR rcD $modules/modules.a "$modules/$name"
done

sed -i \
    -e '/MARKER 1/i extern PyObject *PyInit__fixpoint_calls(void), *PyInit__fixpoint_ed25519(void);' \
    -e '/MARKER 1/i extern PyObject *PyInit_blake3(void), *PyInit_cpython(void), *PyInit__cmsgpack(void), *PyInit__zstd(void);' \
    -e '/MARKER 2/i {"_fixpoint_calls", PyInit__fixpoint_calls}, {"_fixpoint_ed25519", PyInit__fixpoint_ed25519},' \
    -e '/MARKER 2/i {"blake3", PyInit_blake3}, {"lmdb.cpython", PyInit_cpython},' \
    -e '/MARKER 2/i {"msgpack._cmsgpack", PyInit__cmsgpack}, {"backports.zstd._zstd", PyInit__zstd},' Modules/config.c
sed -i "s|^LOCALMODLIBS=|& $modules/modules.a -lsodium -lzstd |" Makefile
