"""Vi, improved."""

from derivations.kit import Recipe, configure, debian

VIM = Recipe(
    source=debian(
        "v/vim/vim_9.1.1230.orig.tar.xz",
        "203640cca8fa97603868ef42f34eeb723803ab15fd141b68b1cba54b7993b2bf",
    ),
    description="An editor with the keys of vi, a language and syntax colours",
    licence="Vim",
    homepage="https://www.vim.org/",
    needs=("ncurses",),
    build=configure(
        "--with-features=huge --with-tlib=ncursesw --disable-gui --without-x --disable-gpm",
        "--disable-acl --disable-libsodium --disable-canberra --disable-nls",
        "--with-compiledby=fixpoint",
        # Links to the manual are made where it is there already, and several jobs do not wait.
        install="-j1 install",
        finish=(
            # Examples for other interpreters than those that are here.
            'rm -r "$out"/share/vim/vim91/tools',
            'find "$out/share/vim" -type f -exec chmod -x {} +',
            'ln -s vim "$out/bin/vi"',
        ),
    ),
    programs=("vim", "xxd --version"),
    check=(
        "\"$out/bin/vim\" -es -u NONE -c 'normal iyes' -c 'wq! it'",
        "grep -q yes it",
    ),
    waive=(
        ("version", "it says 9.1, and which patches it has apart"),
        ("paths", "its rules for kinds of files name folders called so"),
    ),
    seconds=180,
)
