"""A guess of the libraries that a tree needs, by the questions of its build system."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scripts.pinning.makers import Maker
from scripts.pinning.trees import SourceTree

ROLES = {
    "openssl": "openssl libssl libcrypto ssl crypto",
    "zlib": "zlib z",
    "ncurses": "ncurses ncursesw tinfo tinfow curses cursesw panel panelw form menu termcap",
    "pcre2": "pcre2 libpcre2-8 libpcre2-posix pcre2-8 pcre2-posix",
    "curl": "curl libcurl",
    "xz": "liblzma lzma",
    "bzip2": "bzip2 bz2",
    "zstd": "zstd libzstd",
    "lz4": "lz4 liblz4",
    "sqlite": "sqlite sqlite3",
    "libffi": "libffi ffi",
    "glib": "glib glib-2.0 gio-2.0 gio-unix-2.0 gobject-2.0 gmodule-2.0 gthread-2.0",
    "libxml2": "libxml2 libxml-2.0 xml2",
    "libpng": "libpng libpng16 png",
    "freetype": "freetype freetype2",
    "libjpeg-turbo": "jpeg libjpeg",
    "libevent": "libevent libevent_core libevent_openssl event event_core",
    "util-linux": "mount blkid uuid smartcols fdisk libuuid libblkid libmount",
    "libelf": "libelf elf",
    "wayland": "wayland wayland-client wayland-server wayland-cursor wayland-egl wayland-scanner",
    "pixman": "pixman pixman-1",
    "libxkbcommon": "xkbcommon",
    "nettle": "nettle hogweed",
    "readline": "readline libreadline history",
    "lua": "lua lua5.4 lua5.3 lua-5.4 lua54",
    "libcap": "libcap cap",
    "libarchive": "libarchive archive",
    "json-c": "json-c",
    "libyaml": "yaml yaml-0.1",
    "libidn2": "libidn2 idn2",
    "gmp": "gmp libgmp",
    "expat": "expat libexpat",
    "mpfr": "mpfr libmpfr",
    "acl": "acl libacl",
    "attr": "attr libattr",
}
"""Packages, each with the names by which pkg-config, cmake and linkers know it."""

PROGRAMS = {
    "flex": "lex",
    "bison": "yacc byacc",
    "gettext": "msgfmt msgmerge xgettext",
    "libxslt": "xsltproc",
    "docbook-xsl": "db2x_docbook2man",
    "glib": "glib-genmarshal glib-mkenums glib-compile-resources gdbus-codegen",
    "wayland": "wayland-scanner",
}
"""Packages, each with programs of other names that a build asks for."""

_ROLE_OF = {name: role for role, names in ROLES.items() for name in names.split()}
_PROGRAM_OF = {name: role for role, names in PROGRAMS.items() for name in names.split()}
_SYSTEM = frozenset(
    """
    appleframeworks atomic benchmark bind bison bsd c check cmocka criterion crypt cuda cunit dl
    dnsapi doxygen flex gettext git gmock gtest gtest_main iconv inet intl iphlpapi m nsl openmp
    perl perllibs pkg-config pkgconfig posix4 pthread pthreads python python3 pythoninterp
    pythonlibs resolv rt runtimeobject sendfile shcore shlwapi socket stdc++ swig systemd threads
    unwind util windowscodecs winmm ws2_32 xattr xnet
    """.split()  # noqa: SIM905 - as a list it takes forty lines
)
"""Names that are no package of the distribution: the C library's, the system's, tests'."""


@dataclass(frozen=True)
class Need:
    """The name of a library as the build system has it, and whether it can do without."""

    name: str
    required: bool

    @property
    def role(self) -> str:
        """The role that most likely provides it."""
        plain = self.name.lower()
        bare = re.sub(r"[-_]?\d+(\.\d+)*$", "", plain)
        return _ROLE_OF.get(plain) or _ROLE_OF.get(bare) or bare or plain


def guess(tree: SourceTree, maker: Maker) -> tuple[list[str], list[str]]:
    """Return the roles that the tree needs, and those that it can do without."""
    readers = {"autotools": _autotools, "meson": _meson, "cmake": _cmake}
    reader = readers.get(maker.name)
    found = [need for need in (reader(tree) if reader else ()) if _counts(need.name)]
    required = list(dict.fromkeys(need.role for need in found if need.required))
    optional = dict.fromkeys(need.role for need in found if not need.required)
    return required, [role for role in optional if role not in required]


def guess_tools(tree: SourceTree, maker: Maker) -> tuple[list[str], list[str]]:
    """Return the roles whose programs the build asks for, and those that it can do without: the
    result of a program that an archive has may be shipped beside its input."""
    readers = {"autotools": _autotools_programs, "meson": _meson_programs, "cmake": _cmake_programs}
    reader = readers.get(maker.name)
    found = (
        [(_PROGRAM_OF.get(name, name), required) for name, required in reader(tree)]
        if reader
        else []
    )
    required = list(dict.fromkeys(role for role, needed in found if needed))
    optional = dict.fromkeys(role for role, needed in found if not needed)
    return required, [role for role in optional if role not in required]


def _autotools_programs(tree: SourceTree) -> Iterator[tuple[str, bool]]:
    for text in _plain(tree, r"(^|\s)(dnl\b|#).*$", "configure.ac", "configure.in"):
        for name in re.findall(r"\bA[CM]_PROG_(LEX|YACC)\b", text):
            yield name.lower(), False
        for arguments in calls(text, "A[CM]_(?:CHECK|PATH)_(?:PROG|TOOL)S?"):
            words = m4_arguments(arguments)
            for name in words[1].split() if len(words) > 1 else ():
                yield name, False


def _meson_programs(tree: SourceTree) -> Iterator[tuple[str, bool]]:
    for text in _plain(tree, r"#.*$", "meson.build"):
        for arguments in calls(text, "find_program"):
            name = re.match(r"\s*'([^']*)'", arguments)
            if name:
                yield name[1], not re.search(r"\brequired\s*:(?!\s*true)", arguments)


def _cmake_programs(tree: SourceTree) -> Iterator[tuple[str, bool]]:
    for text in _plain(tree, r"#.*$", "CMakeLists.txt"):
        for arguments in calls(text, "find_package"):
            words = arguments.split()
            if words and words[0].lower() in ("bison", "flex", "perl", "gettext"):
                yield words[0].lower(), "REQUIRED" in words
        for arguments in calls(text, "find_program"):
            words = arguments.replace('"', " ").split()
            for name in words[1:2]:
                yield name, "REQUIRED" in words


def _counts(name: str) -> bool:
    plain = name.lower()
    return bool(re.fullmatch(r"[a-z][a-z0-9+._-]*", plain)) and plain not in _SYSTEM


def _autotools(tree: SourceTree) -> Iterator[Need]:
    for text in _plain(tree, r"(^|\s)(dnl\b|#).*$", "configure.ac", "configure.in"):
        for arguments in calls(text, "PKG_CHECK_MODULES(?:_STATIC)?"):
            words = m4_arguments(arguments)
            if len(words) > 1:
                required = len([word for word in words[2:] if word]) == 0
                yield from (Need(name, required) for name in _modules(words[1]))
        for macro in ("AC_CHECK_LIB", "AC_SEARCH_LIBS"):
            for arguments in calls(text, macro):
                words = m4_arguments(arguments)
                libraries = words[0] if macro == "AC_CHECK_LIB" else words[1] if words[1:] else ""
                yield from (Need(name, False) for name in libraries.split())


def _meson(tree: SourceTree) -> Iterator[Need]:
    for text in _plain(tree, r"#.*$", "meson.build"):
        for arguments in calls(text, r"(?<!_)dependency"):
            names = re.match(r"\s*((?:'[^']*'\s*,?\s*)+)", arguments)
            for name in re.findall(r"'([^']*)'", names[1])[:1] if names else ():
                yield Need(name, not re.search(r"\brequired\s*:(?!\s*true)", arguments))
        for arguments in calls(text, r"find_library"):
            name_match = re.match(r"\s*'([^']*)'", arguments)
            if name_match:
                yield Need(name_match[1], not re.search(r"\brequired\s*:(?!\s*true)", arguments))


def _cmake(tree: SourceTree) -> Iterator[Need]:
    for text in _plain(tree, r"#.*$", "CMakeLists.txt"):
        for arguments in calls(text, r"find_package"):
            words = arguments.split()
            if words:
                yield Need(words[0], "REQUIRED" in words)
        for arguments in calls(text, r"pkg_(?:check|search)_modules?"):
            words = arguments.split()
            kept = " ".join(word for word in words[1:] if not word.isupper())
            yield from (Need(name, "REQUIRED" in words) for name in _modules(kept))


def _plain(tree: SourceTree, comment: str, *names: str) -> Iterator[str]:
    """Yield the texts of files of these names, without comments."""
    for _, text in tree.called(*names):
        yield re.sub(comment, "", text, flags=re.MULTILINE)


def _modules(text: str) -> Iterator[str]:
    """Yield the names in a list as pkg-config takes it, without versions."""
    plain = re.sub(r"[<>=!]+\s*[^\s,]+", " ", text.replace("\\", " "))
    for name in plain.replace(",", " ").split():
        if "$" not in name:
            yield name


def calls(text: str, name: str) -> Iterator[str]:
    """Yield the text between the brackets of each call of a function; ``name`` is a pattern."""
    for match in re.finditer(rf"\b{name}\s*\(", text, re.IGNORECASE):
        depth = 1
        for place in range(match.end(), len(text)):
            depth += {"(": 1, ")": -1}.get(text[place], 0)
            if not depth:
                yield text[match.end() : place]
                break


def m4_arguments(text: str) -> list[str]:
    """Return the arguments of a macro of m4's, without the brackets that quote them."""
    found, depth, word = [], 0, ""
    for char in text:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            found.append(word)
            word = ""
        else:
            word += char
    return [_unquoted(each) for each in (*found, word)]


def _unquoted(word: str) -> str:
    word = word.strip()
    while word.startswith("[") and word.endswith("]"):
        word = word[1:-1].strip()
    return word


def known(roles: Iterable[str], modules: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the roles that some recipe's module fills, and the others."""
    there = {module.replace("_", "-") for module in modules}
    listed = list(roles)
    return [role for role in listed if role in there], [
        role for role in listed if role not in there
    ]
