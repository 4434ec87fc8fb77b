"""Trees for tests of images: chosen at random, and read back from what a writer made."""

from __future__ import annotations

import stat

from hypothesis import strategies as st

from store.images.image_tree import ImageFile, ImageFolder, ImageLink, ImageNode

_PATTERN = bytes(range(251))
NAMES = st.builds(
    bytes.__mul__,
    st.text("ab.-~\n\x1b\xff", min_size=1, max_size=5).map(lambda text: text.encode("latin-1")),
    st.sampled_from([1, 2, 51]),
).filter(lambda name: name not in (b".", b".."))
SIZES = st.sampled_from([0, 1, 31, 32, 4000, 4032, 4064, 4065, 4095, 4096, 4097, 8160, 8192, 12345])


def _file(size: int, seed: int, mode: int, shared: bool) -> ImageFile:
    data = (_PATTERN * 50)[seed : seed + size]
    return ImageFile(mode, size, data, data if shared else None)


FILES = st.builds(
    _file, SIZES, st.integers(0, 3), st.sampled_from([0o444, 0o555, 0o4755]), st.booleans()
)
LINKS = st.builds(
    ImageLink,
    st.builds(
        bytes.__mul__, st.sampled_from([b"/", b"a", b"\xff"]), st.sampled_from([1, 99, 4095])
    ),
)
MODES = st.sampled_from([0o555, 0o755, 0o1777])
NODES: st.SearchStrategy[ImageNode] = st.recursive(
    FILES | LINKS,
    lambda below: st.builds(ImageFolder, MODES, st.dictionaries(NAMES, below, max_size=6)),
    max_leaves=20,
)
TREES = st.builds(ImageFolder, MODES, st.dictionaries(NAMES, NODES, max_size=8))

Facts = tuple[int, bytes]
"""Mode with type, and the bytes of a file or link."""


def facts(root: ImageFolder) -> dict[bytes, Facts]:
    """Return what an image of the tree must have, by path; the root has the empty one."""
    return {b"": _facts(root)} | {path: _facts(node) for path, node in root.walk()}


def _facts(node: ImageNode) -> Facts:
    if isinstance(node, ImageFolder):
        return stat.S_IFDIR | node.mode, b""
    if isinstance(node, ImageLink):
        return stat.S_IFLNK | 0o777, node.target
    assert isinstance(node.source, bytes)
    return stat.S_IFREG | node.mode, node.source


def other_order(folder: ImageFolder) -> ImageFolder:
    """Return the same tree, its entries in the reverse of their order."""
    return ImageFolder(
        folder.mode,
        {
            name: other_order(node) if isinstance(node, ImageFolder) else node
            for name, node in reversed(folder.entries.items())
        },
    )


def example() -> ImageFolder:
    """Return a small tree that has a little of everything."""
    root = ImageFolder()
    data = bytes(range(256)) * 17
    root.add(b"store/one/bin/program", ImageFile(0o555, len(data), data, b"same"))
    root.add(b"store/two/bin/program", ImageFile(0o555, len(data), data, b"same"))
    root.add(b"store/two/text", ImageFile.of(b"a text\n", 0o444))
    root.add(b"bin/program", ImageLink(b"/store/one/bin/program"))
    root.add(b"tmp", ImageFolder(0o1777))
    root.add(b"-early", ImageFile.of(b""))
    root.add("nämé\n".encode(), ImageFile.of(b"odd"))
    root.add(b"\xff" * 255, ImageFile.of(b"no text"))
    root.add(b"many/" + b"x" * 200, ImageLink(b"y" * 4095))
    for number in range(100):
        root.add(b"many/%0100d" % number, ImageLink(b"%d" % number))
    return root
