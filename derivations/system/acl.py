"""Access lists of files."""

from derivations.kit import Recipe, autotools, debian

ACL = Recipe(
    source=debian(
        "a/acl/acl_2.3.2.orig.tar.xz",
        "97203a72cae99ab89a067fe2210c1cbf052bc492b479eca7d226d9830883b0bd",
    ),
    description="Access lists of files",
    licence="LGPL-2.1-or-later AND GPL-2.0-or-later",
    homepage="https://savannah.nongnu.org/projects/acl/",
    build=autotools("--disable-shared"),
    needs=("attr",),
    programs=("chacl", "getfacl", "setfacl"),
    licences=("doc/COPYING", "doc/COPYING.LGPL"),
    seconds=25,
)
