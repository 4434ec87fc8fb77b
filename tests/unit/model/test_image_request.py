"""Requests for images: their canonical arguments, and those that cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidName
from store.model.derivation import Ref
from store.model.image_request import ImageRequest

PATHS = st.sampled_from([f"/store/{letter * 32}-package" for letter in "abcd"])
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5)
REQUESTS = st.builds(
    ImageRequest,
    format=st.just("oci"),
    packages=st.lists(PATHS, min_size=1).map(tuple),
    trees=st.lists(PATHS).map(tuple),
    links=st.lists(st.tuples(WORDS, WORDS), unique_by=lambda pair: pair[0]).map(tuple),
    label=st.sampled_from(["", "latest", "v1.0_x-2"]),
    entrypoint=st.lists(st.sampled_from(["", "sh", "-c", "a b=c"]))
    .filter(lambda words: words[:1] != [""])
    .map(tuple),
    env=st.lists(st.tuples(WORDS, WORDS), unique_by=lambda pair: pair[0]).map(tuple),
)


@given(REQUESTS)
def test_the_arguments_are_read_back_to_the_same(request: ImageRequest) -> None:
    again = ImageRequest.parse(request.args())
    assert again.args() == request.args()
    assert again.entrypoint == request.entrypoint
    assert (set(again.env), set(again.links)) == (set(request.env), set(request.links))


@given(REQUESTS)
def test_the_order_of_packages_does_not_matter(request: ImageRequest) -> None:
    other = ImageRequest(
        format="oci",
        packages=request.packages[::-1],
        trees=request.trees[::-1],
        links=request.links[::-1],
        label=request.label,
        entrypoint=request.entrypoint,
        env=request.env[::-1],
    )
    assert other.args() == request.args()


def test_a_derivation_has_its_inputs_once_and_sorted() -> None:
    refs = [Ref(bytes([number]) * 32, "out", "package") for number in (2, 1, 2)]
    request = ImageRequest(format="disk", packages=tuple(map(str, refs)), size=512)
    node = request.derivation("name.img", "x86_64-linux", refs)
    assert node.inputs == (refs[1], refs[0])
    assert node.args[0] == "format=disk"
    assert ImageRequest.parse(node.args).size == 512
    with pytest.raises(InvalidName):
        request.derivation("a\nb", "x86_64-linux", refs)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["package=x"],
        ["format=zip", "package=x"],
        ["format=disk"],
        ["format=disk", "package=x", "colour=red"],
        ["format=disk", "package=x", "label"],
        ["format=disk", "package=x", "size=0"],
        ["format=disk", "package=x", "size=-1"],
        ["format=disk", "package=x", "size=1e3"],
        ["format=disk", "package=x", "size=\u0663"],
        ["format=disk", "package=x", "size=512", "size=1024"],
        ["format=disk", "package=x", "size=1000"],
        ["format=disk", "package=x", "size=2199023255552"],
        ["format=disk", "package=x", "label=a", "label=b"],
        ["format=disk", "package=x", "label=sixteen--letters"],
        ["format=disk", "package=x", "label=a b"],
        ["format=disk", "package=x", "label=a\x1b[31m"],
        ["format=oci", "package=x", "label=-latest"],
        ["format=oci", "package=x", "label=.hidden"],
        ["format=oci", "package=x", "size=512"],
        ["format=tar", "package=x", "entrypoint=sh"],
        ["format=disk", "package=x", "env=A=1"],
        ["format=oci", "package=x", "env=A"],
        ["format=oci", "package=x", "env==1"],
        ["format=oci", "package=x", "env=A=\n"],
        ["format=oci", "package=x", "env=A B=1"],
        ["format=oci", "package=x", "env= A=1"],
        ["format=oci", "package=x", "env=A =1"],
        ["format=oci", "package=x", "env=A\u00a0B=1"],
        ["format=oci", "package=x", "env=A\tB=1"],
        ["format=oci", "package=x", "env=A=1", "env=A=2"],
        ["format=oci", "package=x", "entrypoint=a\x07"],
        ["format=oci", "package=x", "entrypoint=", "entrypoint=sh"],
        ["format=disk", "package=x", "link=bin/sh"],
        ["format=disk", "package=x", "link=/bin/sh:x"],
        ["format=disk", "package=x", "link=bin/../sh:x"],
        ["format=disk", "package=x", "link=bin/\x1b:x"],
        ["format=disk", "package=x", "link=bin/sh:"],
        ["format=disk", "package=x", "link=store/1-bash/bin/sh:x"],
        ["format=disk", "package=x", "link=manifests:x"],
        ["format=disk", "package=x", "link=a:x", "link=a:y"],
        ["format=disk", "package=x", "link=a:x", "link=a/b/c:y"],
        ["format=disk", "package=x", f"link={'é' * 128}:x"],
        ["format=disk", "package=x", f"link=a:{'x' * 4096}"],
    ],
)
def test_arguments_that_cannot_be_are_named(args: list[str]) -> None:
    with pytest.raises(InvalidName) as caught:
        ImageRequest.parse(args)
    assert caught.value.message.isprintable()


def test_a_variable_may_have_any_name_that_posix_allows() -> None:
    pairs = (("a.b-c%{1}", "x y = z"), ("1", ""))
    assert ImageRequest(format="oci", packages=("x",), env=pairs).env == pairs
