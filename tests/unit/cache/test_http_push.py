"""Pushes to web servers that refuse, break off, forget, or know nothing of conditions."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.cache import file_names
from store.cache.http_place import HttpPlace
from store.cache.pull import pull
from store.cache.push_plan import PushPlan, plan_push
from store.cache.pushing import Pushed, push
from store.cache.static_cache import StaticCache
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.names import ObjectId
from tests.unit.cache.conftest import Origin
from tests.unit.cache.test_pushing import ANNE, noise
from tests.unit.cache.web import Handler, Instead, Web, serving


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    (tmp_path / "web").mkdir()
    with serving(tmp_path / "web") as running:
        yield running


@pytest.fixture
def top(origin: Origin) -> ObjectId:
    lib = origin.add("lib", {"large": noise(1, 3 << 20), "small": b"1"})
    return origin.add("top", {"a": b"1"}, lib)


@pytest.fixture
def plan(origin: Origin, top: ObjectId) -> PushPlan:
    return plan_push(origin.store, [top], ANNE)


def pushed(origin: Origin, web: Web, plan: PushPlan) -> Pushed:
    return push(origin.store, HttpPlace(web.url), plan)


def whole(own: Store, web: Web, top: ObjectId) -> bool:
    pulled = pull(own, [StaticCache(HttpPlace(web.url))], [top])
    return pulled.taken[-1:] == (top,) and not pulled.damaged


def refusing(status: int) -> Instead:
    def refuse(handler: Handler) -> bool:
        if handler.command != "PUT":
            return False
        handler.close_connection = True
        return handler.answer(status)

    return refuse


def breaking(times: int) -> Instead:
    """Reads a part of each pack and ends the connection, so many times."""
    left = [times]

    def cut(handler: Handler) -> bool:
        if handler.command != "PUT" or not handler.name.endswith("-lib.pack") or not left[0]:
            return False
        left[0] -= 1
        data = handler.rfile.read(1 << 20)
        path = handler.web.folder / handler.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)  # as a server does that is not atomic
        handler.close_connection = True
        return True

    return cut


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "netrc"), (403, "token"), (405, "dav_methods"), (507, "")]
)
def test_a_refusal_is_one_error_and_the_next_push_goes_on(
    origin: Origin, own: Store, web: Web, plan: PushPlan, top: ObjectId, status: int, hint: str
) -> None:
    assert CacheUnusable.exit_code == 27
    web.instead = refusing(status)
    with pytest.raises(CacheUnusable, match=str(status)) as caught:
        pushed(origin, web, plan)
    assert hint in str(caught.value.hint)
    assert len(web.names("PUT")) == 1
    web.instead = lambda handler: False
    pushed(origin, web, plan)
    assert whole(own, web, top)


def test_a_full_disk_in_the_middle_is_found_and_gone_on_from(
    origin: Origin, own: Store, web: Web, plan: PushPlan, top: ObjectId
) -> None:
    full = refusing(507)
    web.instead = lambda handler: handler.name == file_names.head(top) and full(handler)
    with pytest.raises(CacheUnusable, match="507") as caught:
        pushed(origin, web, plan)
    assert "full" in str(caught.value.hint)
    web.instead = lambda handler: False
    web.requests.clear()
    done = pushed(origin, web, plan)
    assert (done.objects, done.present) == ([top], 1)
    assert not any(name.endswith("-lib.pack") for name in web.names("PUT"))
    assert whole(own, web, top)


def test_a_connection_that_breaks_once_is_nothing(
    origin: Origin, own: Store, web: Web, plan: PushPlan, top: ObjectId
) -> None:
    web.instead = breaking(1)
    assert pushed(origin, web, plan).objects[-1] == top
    assert whole(own, web, top)


@pytest.mark.slow
def test_a_connection_that_always_breaks_leaves_no_head(
    origin: Origin, own: Store, web: Web, plan: PushPlan, top: ObjectId
) -> None:
    web.instead = breaking(99)
    with pytest.raises(CacheUnusable, match="connection"):
        pushed(origin, web, plan)
    assert list(web.folder.rglob("*.head")) == []
    assert pull(own, [StaticCache(HttpPlace(web.url))], [top]).taken == ()
    web.instead = lambda handler: False
    pushed(origin, web, plan)
    assert whole(own, web, top)


def test_a_server_that_keeps_nothing_is_found_out_after_the_push(
    origin: Origin, web: Web, plan: PushPlan
) -> None:
    """The marker was there before: so the loss is seen at the end alone."""
    (web.folder / file_names.MARKER).write_bytes(file_names.VERSION)

    def forget(handler: Handler) -> bool:
        if handler.command != "PUT":
            return False
        handler.rfile.read(int(handler.headers["Content-Length"]))
        return handler.answer(201)

    web.instead = forget
    with pytest.raises(CacheUnusable, match="did not keep"):
        pushed(origin, web, plan)


def test_nothing_that_is_there_is_put_again_without_conditions(
    origin: Origin, web: Web, plan: PushPlan
) -> None:
    """The server writes over whatever it is given, as nginx does."""
    pushed(origin, web, plan)
    before = {path: path.stat().st_mtime_ns for path in web.folder.rglob("*") if path.is_file()}
    other = origin.add("other", {"a": b"other"}, plan.objects[0])
    push(origin.store, HttpPlace(web.url), plan_push(origin.store, [other], ANNE))
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_two_pushes_side_by_side_agree(
    origin: Origin, own: Store, web: Web, plan: PushPlan, top: ObjectId
) -> None:
    web.delay = 0.01
    errors: list[BaseException] = []

    def work() -> None:
        try:
            pushed(origin, web, plan)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert max(Counter(web.names("PUT")).values()) <= 3
    assert whole(own, web, top)
    assert pushed(origin, web, plan).nothing
