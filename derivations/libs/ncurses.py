"""Terminal screens, with the terminals' descriptions."""

from derivations.kit import Recipe, autotools, debian

TERMINALS = "dumb linux screen screen-256color tmux tmux-256color vt100 vt220 xterm xterm-256color"

NCURSES = Recipe(
    source=debian(
        "n/ncurses/ncurses_6.5+20250216.orig.tar.gz",
        "b37baafa436e7133bb12a185cb8f60e1599b1947e9f0181c76f3190acf28b6eb",
        version="6.5.20250216",
    ),
    description="Draws on terminal screens, and knows what each terminal can do",
    licence="MIT",
    homepage="https://invisible-island.net/ncurses/",
    # Archives without times, which its configure script would ask for.
    env=(("cf_cv_ar_flags", "-crD"),),
    build=autotools(
        "--with-normal --without-shared --without-debug --without-ada --without-cxx-binding",
        "--without-manpages --without-tests --enable-widec --enable-pc-files",
        '--with-pkg-config-libdir="$out/lib/pkgconfig" --disable-stripping',
        "--with-terminfo-dirs=/etc/terminfo:/share/terminfo",
        "--with-default-terminfo-dir=/share/terminfo",
        install='install ticdir="$out/share/terminfo"',
        finish=(
            # These are known without a file. The tic that reads them was made just now, hence the
            # library and its programs are made once more.
            "cd ncurses",
            "sh -e /build/src/ncurses/tinfo/MKfallback.sh /share/terminfo"
            f" /build/src/misc/terminfo.src ../progs/tic ../progs/infocmp {TERMINALS} > known",
            "cp known fallback.c",
            "make -C .. libs",
            "make -C .. install.libs",
            "make -C ../progs install",
            "sed -i 's|/build/src/include/||g' \"$out/include/ncursesw/curses.h\"",
            # It tells of the folders that the linker looks into by itself.
            "sed -i 's|/store/[^/]*-binutils-[^/]*/|/|g' \"$out/bin/ncursesw6-config\"",
            # The wide library has the plain names, too, and is libtinfo.
            'cd "$out/lib"',
            "for name in ncurses form menu panel\n"
            "do\n"
            '    ln -s "lib${name}w.a" "lib$name.a"\n'
            '    ln -s "${name}w.pc" "pkgconfig/$name.pc"\n'
            "done",
            "ln -s libncursesw.a libcurses.a",
            "ln -s libncursesw.a libtinfo.a",
            "ln -s ncursesw.pc pkgconfig/tinfo.pc",
            "for file in ../include/ncursesw/*.h;"
            ' do ln -s "ncursesw/${file##*/}" ../include/; done',
        ),
    ),
    programs=("tic -V", "infocmp -V", "tput -V", "tset -V", "clear -V", "toe -V"),
    check=('test "$(TERM=xterm-256color TERMINFO=/none "$out/bin/tput" colors)" = 256',),
    seconds=60,
)
