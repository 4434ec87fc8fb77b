"""Programs in the languages of their users."""

from derivations.kit import Recipe, autotools, debian

GETTEXT = Recipe(
    source=debian(
        "g/gettext/gettext_0.23.1.orig.tar.xz",
        "c1f97a72a7385b7e71dd07b5fea6cdaf12c9b88b564976b23bd8c11857af2970",
    ),
    description="Makes catalogues of translated messages, and shows programs' messages by them",
    licence="GPL-3.0-or-later AND LGPL-2.1-or-later",
    homepage="https://www.gnu.org/software/gettext/",
    needs=("ncurses",),
    tools=("gzip",),
    build=autotools(
        "--disable-shared --disable-java --disable-csharp --disable-openmp --disable-libasprintf",
        "--without-emacs --without-git --with-included-libunistring --with-included-libxml",
    ),
    programs=("autopoint", "gettext", "gettextize", "msgfmt", "msgmerge", "xgettext"),
    check=(
        "echo 'int main(void) { puts(gettext(\"one\")); }' > a.c",
        '"$out/bin/xgettext" --output=a.pot a.c',
        "grep one a.pot",
        'printf \'msgid "one"\\nmsgstr "eins"\\n\' > de.po',
        "mkdir -p de/LC_MESSAGES",
        '"$out/bin/msgfmt" --output=de/LC_MESSAGES/a.mo de.po',
        '"$out/bin/msgunfmt" de/LC_MESSAGES/a.mo | grep eins',
    ),
    seconds=360,
)
