"""A worker's inputs: pulled if they are lacking, whatever a collector does beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import pytest

from store.cache.pull import Pulled
from store.cache.pull import pull as real_pull
from store.errors import UnknownObject
from store.farm import worker_build
from store.farm.derivation_action import DerivationRequest, RequestLimits
from store.farm.farm_objects import ObjectBlobs
from store.farm.object_blobs import object_upload
from store.farm.worker_build import WorkerBuild
from store.gc.collector import Collector
from store.gc.policy import Policy
from store.local.store import Store
from store.model.derivation import Resolved
from store.model.manifest import Manifest
from store.model.names import ObjectId
from store.objects.content import read_record
from store.objects.ingest import ingest
from tests.unit.farm.memory_server import MemoryServer


def added(store: Store, folder: Path, name: str, text: str, *below: ObjectId) -> ObjectId:
    """An object that lies in a store, and may name others."""
    path = folder / name
    path.write_text(text + "".join(oid.path for oid in below))
    return ingest(store.layout.root, str(path), name, candidates=below).id


def sent(store: Store, server: MemoryServer, *oids: ObjectId) -> dict[ObjectId, ObjectBlobs]:
    """Have a server hold objects; returns their places."""
    places = {}
    for oid in oids:
        manifest = Manifest.decode(read_record(store.layout.manifest(oid))[0])
        upload = object_upload(store.layout, cast(Any, server), manifest, manifest.references)
        for blob in upload.blobs:
            server.put(blob)
        places[oid] = upload.place
    return places


@pytest.mark.parametrize("forgotten", [False, True])
def test_an_input_that_the_collector_takes_meanwhile_is_pulled_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    server, other = MemoryServer(), Store.open(str(tmp_path / "other"))
    library = added(other, tmp_path, "library", "L")
    user = added(other, tmp_path, "user", "U", library)
    places = sent(other, server, library, user)
    if forgotten:
        del server.blobs[places[library].head]
    mine = Store.open(str(tmp_path / "mine"))
    assert mine.objects.add(str(tmp_path / "library"), "library") == library
    pulls: list[int] = []

    def pull(store: Store, offers: Any, goals: Any, *, begin: object, **given: Any) -> Pulled:
        pulls.append(len(offers[0]._places))
        if len(pulls) == 1:
            Collector(mine).collect(Policy())
            assert not mine.objects.present(library)
        return real_pull(store, offers, goals, **given)

    monkeypatch.setattr(worker_build, "pull", pull)
    build = WorkerBuild(mine, *cast(Any, (None, server, None, lambda: None, lambda event: None)))
    node = Resolved("toy", "x86_64-linux", "/bin/sh", (), (), None, (user,), ("out",))
    request = DerivationRequest(node, places, RequestLimits())
    if forgotten:
        with pytest.raises(UnknownObject, match="cannot get the input"):
            build._pull(request, build._renew_lease())
    else:
        build._pull(request, build._renew_lease())
        assert os.path.exists(mine.layout.object(library))
        assert mine.objects.present(user)
    assert pulls == [1, 2]
