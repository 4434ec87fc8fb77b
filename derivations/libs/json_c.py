"""JSON in C."""

from derivations.kit import Recipe, debian, phase, phases

CONFIG = """\
#define HAVE_ATOMIC_BUILTINS 1
#define HAVE_DECL_INFINITY 1
#define HAVE_DECL_ISINF 1
#define HAVE_DECL_ISNAN 1
#define HAVE_DECL_NAN 1
#define HAVE_ENDIAN_H 1
#define HAVE_FCNTL_H 1
#define HAVE_GETRANDOM 1
#define HAVE_GETRUSAGE 1
#define HAVE_INTTYPES_H 1
#define HAVE_LIMITS_H 1
#define HAVE_LOCALE_H 1
#define HAVE_OPEN 1
#define HAVE_REALLOC 1
#define HAVE_SETLOCALE 1
#define HAVE_SNPRINTF 1
#define HAVE_STDARG_H 1
#define HAVE_STDINT_H 1
#define HAVE_STDLIB_H 1
#define HAVE_STRCASECMP 1
#define HAVE_STRDUP 1
#define HAVE_STRERROR 1
#define HAVE_STRING_H 1
#define HAVE_STRINGS_H 1
#define HAVE_STRNCASECMP 1
#define HAVE_STRTOLL 1
#define HAVE_STRTOULL 1
#define HAVE_SYS_PARAM_H 1
#define HAVE_SYS_RANDOM_H 1
#define HAVE_SYS_RESOURCE_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_SYSLOG_H 1
#define HAVE_UNISTD_H 1
#define HAVE_USELOCALE 1
#define HAVE_VASPRINTF 1
#define HAVE_VPRINTF 1
#define HAVE_VSNPRINTF 1
#define HAVE_VSYSLOG 1
#define HAVE___THREAD 1
#define JSON_C_HAVE_INTTYPES_H 1
#define SIZEOF_INT 4
#define SIZEOF_INT64_T 8
#define SIZEOF_LONG 8
#define SIZEOF_LONG_LONG 8
#define SIZEOF_SIZE_T 8
#define SIZEOF_SSIZE_T 8
#define SPEC___THREAD __thread
#define STDC_HEADERS 1
"""
"""The answers of musl to the questions that its cmake would ask."""

JSON_C = Recipe(
    source=debian(
        "j/json-c/json-c_0.18+ds.orig.tar.xz",
        "f6439962c9622c1f9f4746d5b3daf5e0800c335281b048fab00159f2a29d7daa",
    ),
    description="Reads and writes JSON",
    licence="MIT",
    homepage="https://github.com/json-c/json-c",
    files=(
        ("config.h", CONFIG),
        ("json_config.h", "#define JSON_C_HAVE_INTTYPES_H 1\n"),
    ),
    build=phases(
        phase(
            "build",
            "sed -e 's|@JSON_H_JSON_POINTER@|#include \"json_pointer.h\"|'"
            " -e 's|@JSON_H_JSON_PATCH@|#include \"json_patch.h\"|'"
            " /build/src/json.h.cmakein > json.h",
            "for name in arraylist debug json_c_version json_object json_object_iterator json_patch"
            " json_pointer json_tokener json_util json_visit linkhash printbuf random_seed"
            " strerror_override\n"
            "do\n"
            "    $CC $CFLAGS -D_GNU_SOURCE -I. -I/build -I/build/src -c /build/src/$name.c\n"
            "done",
            "$AR rc libjson-c.a *.o",
        ),
        phase(
            "install",
            'mkdir -p "$out/include/json-c" "$out/lib/pkgconfig"',
            'cp libjson-c.a "$out/lib/"',
            'cp json.h ../json_config.h "$out/include/json-c/"',
            "cd /build/src",
            "cp --no-preserve=mode arraylist.h debug.h json_c_version.h json_inttypes.h"
            " json_object.h json_object_iterator.h json_patch.h json_pointer.h json_tokener.h"
            " json_types.h json_util.h json_visit.h linkhash.h printbuf.h"
            ' "$out/include/json-c/"',
            'sed -e "s|@prefix@|$out|; s|@exec_prefix@|$out|; s|@libdir@|$out/lib|"'
            ' -e "s|@includedir@|$out/include|; s|@VERSION@|0.18|; s|@LIBS@|-lm|"'
            ' json-c.pc.in > "$out/lib/pkgconfig/json-c.pc"',
        ),
    ),
    check=(
        "printf '#include <stdio.h>\\n#include <json.h>\\n"
        'int main(void) { puts(json_object_to_json_string(json_tokener_parse("[1,2.5]"))); }\\n\''
        " > a.c",
        "$CC a.c -o a $(pkg-config --cflags --libs json-c)",
        "test \"$(./a)\" = '[ 1, 2.5 ]'",
    ),
    upstream=(
        "mkdir tests",
        "for name in test1 test2\n"
        "do\n"
        "    $CC $CFLAGS -DTEST_FORMATTED -D_GNU_SOURCE -I. -I/build -I/build/src"
        " -o tests/${name}Formatted /build/src/tests/$name.c /build/src/tests/parse_flags.c"
        " libjson-c.a -lm\n"
        "done",
        "for file in /build/src/tests/test*.c\n"
        "do\n"
        '    name=$(basename "$file" .c)\n'
        "    $CC $CFLAGS -D_GNU_SOURCE -I. -I/build -I/build/src -o tests/$name $file"
        " libjson-c.a -lm\n"
        "    VERBOSE=1 top_builddir=/build/obj sh /build/src/tests/$name.test\n"
        "done",
    ),
    seconds=5,
)
