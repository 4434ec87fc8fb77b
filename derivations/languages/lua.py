"""A small language to be put into programs."""

from derivations.kit import Recipe, debian, makefile

LUA = Recipe(
    source=debian(
        "l/lua5.4/lua5.4_5.4.7.orig.tar.gz",
        "9fbf5e28ef86c69858f6d3d34eccc32e911c1a28b4120ff3e84aaa70cfbf1e30",
        name="lua",
    ),
    description="A small language to be put into programs",
    licence="MIT",
    homepage="https://www.lua.org/",
    needs=("readline",),
    files=(
        (
            "lua.pc",
            "Name: Lua\nDescription: The language Lua\nVersion: 5.4.7\n"
            "Libs: -L${prefix}/lib -llua -lm\nCflags: -I${prefix}/include\n",
        ),
    ),
    # Its own words for flags are lost to the ones that are given.
    build=makefile(
        'CFLAGS="$CFLAGS -DLUA_COMPAT_5_3 -DLUA_USE_POSIX -DLUA_USE_READLINE"',
        'AR="$AR rc" LIBS="-lm -lreadline -lncursesw" INSTALL_TOP="$out"',
        'INSTALL_MAN="$out/share/man/man1"',
        prepare=('sed -i \'s|"/usr/local/"|"/"|\' src/luaconf.h',),
        build="-C src all",
        finish=(
            'mkdir "$out/lib/pkgconfig"',
            '{ echo "prefix=$out"; cat ../lua.pc; } > "$out/lib/pkgconfig/lua.pc"',
        ),
    ),
    programs=("lua -v", "luac -v"),
    check=('test "$("$out/bin/lua" -e "print(6 * 7)")" = 42',),
    licences=("src/lua.h",),
    seconds=10,
)
