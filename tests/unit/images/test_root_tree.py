"""The root of an image: programs that are linked, folders that are there, and conflicts."""

from __future__ import annotations

import pytest

from store.errors import FormatError
from store.images.image_tree import ImageFile, ImageFolder, ImageLink, ImageNode
from store.images.root_tree import root_tree


def package(*programs: str, **links: str) -> ImageFolder:
    """An object with programs, and with links in the place of some."""
    found = ImageFolder(0o555)
    found.add(b"bin", ImageFolder(0o555))
    for program in programs:
        found.add(b"bin/" + program.encode(), ImageFile.of(program.encode(), 0o555))
    for name, target in links.items():
        found.add(b"bin/" + name.encode(), ImageLink(target.encode()))
    return found


SHELLS: dict[bytes, ImageNode] = {b"1-bash": package("bash", sh="bash"), b"2-dash": package("dash")}


def test_programs_are_linked_and_objects_are_in_the_store() -> None:
    root = root_tree(SHELLS, packages=[b"1-bash"])
    assert root.get(b"bin/bash") == ImageLink(b"/store/1-bash/bin/bash")
    assert root.get(b"bin/sh") == ImageLink(b"/store/1-bash/bin/sh")
    assert root.get(b"bin/dash") is None
    assert root.get(b"store/2-dash/bin/dash") == ImageFile.of(b"dash", 0o555)


def test_a_root_has_the_usual_folders_files_and_links() -> None:
    root = root_tree({})
    modes = {
        name: node.mode for name, node in root.entries.items() if isinstance(node, ImageFolder)
    }
    assert modes[b"tmp"] == 0o1777
    assert modes[b"root"] == 0o700
    assert {b"dev", b"proc", b"sys", b"run", b"etc", b"var", b"store", b"bin"} < modes.keys()
    assert root.get(b"usr/bin") == ImageLink(b"../bin")
    assert root.get(b"sbin") == ImageLink(b"bin")
    assert isinstance(root.get(b"etc/passwd"), ImageFile)


def test_a_program_of_two_packages_is_an_error_with_both_names() -> None:
    objects = {**SHELLS, b"3-other": package("bash")}
    with pytest.raises(FormatError) as caught:
        root_tree(objects, packages=[b"3-other", b"1-bash"])
    assert "/store/1-bash and /store/3-other" in caught.value.message
    assert "'bash'" in caught.value.message


def test_a_link_says_whose_program_it_is() -> None:
    objects = {**SHELLS, b"3-other": package("bash")}
    links = [(b"bin/bash", b"/store/3-other/bin/bash")]
    root = root_tree(objects, packages=[b"1-bash", b"3-other"], links=links)
    assert root.get(b"bin/bash") == ImageLink(b"/store/3-other/bin/bash")


def test_a_program_that_leads_to_another_object_is_that_objects() -> None:
    objects = {**SHELLS, b"3-view": package(dash="/store/2-dash/bin/dash")}
    root = root_tree(objects, packages=[b"2-dash", b"3-view"])
    assert root.get(b"bin/dash") == ImageLink(b"/store/2-dash/bin/dash")


def test_a_tree_is_laid_out_and_goes_before_the_usual() -> None:
    system = ImageFolder(0o555)
    system.add(b"etc/passwd", ImageFile.of(b"root::0:0::/:/bin/dash\n", 0o444))
    system.add(b"init", ImageLink(b"/bin/dash"))
    system.add(b"bin/bash", ImageLink(b"dash"))
    system.add(b"var/log", ImageFolder(0o755))
    objects = {**SHELLS, b"3-system": system}
    root = root_tree(objects, packages=[b"1-bash"], trees=[b"3-system"])
    assert root.get(b"init") == ImageLink(b"/bin/dash")
    assert root.get(b"etc/passwd") == system.get(b"etc/passwd")
    assert root.get(b"bin/bash") == ImageLink(b"dash")
    assert root.get(b"bin/sh") == ImageLink(b"/store/1-bash/bin/sh")
    assert isinstance(root.get(b"var/log"), ImageFolder)
    assert isinstance(root.get(b"etc/group"), ImageFile)
    assert system.get(b"etc/group") is None


def test_a_file_or_a_store_cannot_be_laid_out() -> None:
    with pytest.raises(FormatError, match="no folder"):
        root_tree({b"1-file": ImageFile.of(b"")}, trees=[b"1-file"])
    with pytest.raises(FormatError, match="image's own"):
        root_tree({b"1-tree": ImageFolder(0o555, {b"store": ImageFolder()})}, trees=[b"1-tree"])


def test_a_link_over_a_trees_file_is_an_error() -> None:
    tree = ImageFolder(0o555, {b"init": ImageFile.of(b"")})
    with pytest.raises(FormatError, match="init"):
        root_tree({b"1-tree": tree}, trees=[b"1-tree"], links=[(b"init", b"x")])


def test_objects_without_programs_link_none() -> None:
    objects: dict[bytes, ImageNode] = {
        b"1-file": ImageFile.of(b"x"),
        b"2-link": ImageLink(b"x"),
        b"3-bin": ImageFolder(0o555, {b"bin": ImageLink(b"lib")}),
    }
    root = root_tree(objects, packages=sorted(objects))
    assert root.get(b"bin") == ImageFolder()


def test_a_link_below_a_file_that_every_image_has_is_refused() -> None:
    with pytest.raises(FormatError, match="'etc/passwd' is a folder, and an image has a file"):
        root_tree({}, links=[(b"etc/passwd/x", b"y")])
    root = root_tree({}, links=[(b"etc/passwd", b"/run/passwd")])
    assert root.get(b"etc/passwd") == ImageLink(b"/run/passwd")
