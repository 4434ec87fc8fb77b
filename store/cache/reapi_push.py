"""Pushing to a cache on a server of the Remote Execution API: blobs, then results of actions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from store.cache import file_names, zstd
from store.cache.blob_trees import blobs_of, mapped
from store.cache.file_answers import HEAD_LIMIT, SOURCE_LIMIT, STATEMENTS_LIMIT, own_head
from store.cache.head import Head
from store.cache.push_plan import PushPlan
from store.cache.pushing import Pushed, changed_statements, compressed_log, lacking_sources
from store.cache.reapi_cache import FILE, TREE, FileResult, ReapiCache, action_of, head_without_pack
from store.cache.server_errors import as_cache
from store.display import printable
from store.errors import FormatError, InvalidName
from store.job_errors import CacheUnusable
from store.local.store import Store
from store.model.names import ObjectId
from store.reapi.blob import Blob, blob_of, digest_message
from store.reapi.messages import message
from store.reapi.server import Server
from store.reapi.server_calls import send_lacking
from store.reapi.tree_messages import MappedTree
from store.reporting import Count, uncounted


def push_to_server(
    store: Store, cache: ReapiCache, plan: PushPlan, progress: Count = uncounted
) -> Pushed:
    """Push all of a plan, but for objects that such a server cannot hold, and statements of them.
    ``progress`` counts the objects. Raises as :func:`push_objects`."""
    done = push_objects(store, cache, plan.objects, progress)
    _push_sources(cache, plan.source_files(), done)
    _push_logs(store, cache, plan, done)
    refused = {each.file for each in plan.statements if each.object in done.refused}
    files = {n: lines for n, lines in plan.statement_files().items() if n not in refused}
    changed = dict(changed_statements(files, cache.files(files, STATEMENTS_LIMIT), plan.signer))
    push_files(cache, {name: data for name, (data, _) in changed.items()})
    done.statements = sum(count for _, count in changed.values())
    kept = cache.files(changed, STATEMENTS_LIMIT)
    for name, (data, _) in changed.items():
        if kept.get(name) != data:
            raise not_kept(cache.name, name)
    return done


def _push_sources(cache: ReapiCache, facts: Mapping[str, bytes], done: Pushed) -> None:
    found = cache.files(facts, SOURCE_LIMIT)
    lacking = lacking_sources(facts, found, lambda names: cache.files(names, HEAD_LIMIT))
    push_files(cache, lacking)
    done.sources = len(lacking)
    kept = cache.files(lacking, SOURCE_LIMIT)
    for name in lacking.keys() - kept.keys():
        raise not_kept(cache.name, name)


def _push_logs(store: Store, cache: ReapiCache, plan: PushPlan, done: Pushed) -> None:
    logs = {file_names.log(log): (log, key) for log, key in plan.logs.items()}
    pushed = set()
    for name in sorted(logs.keys() - cache.present(logs)):
        data = compressed_log(store, *logs[name])
        if data is not None:
            push_files(cache, {name: data})
            pushed.add(name)
    done.logs = len(pushed)
    for name in pushed - cache.present(pushed):
        raise not_kept(cache.name, name)


def push_objects(
    store: Store,
    cache: ReapiCache,
    oids: Sequence[ObjectId],
    progress: Count = uncounted,
) -> Pushed:
    """Push objects, references first, and check that the server has kept them. An object is there
    already if its head, its tree and all of its files are; if only some of it is, or its head is
    not right, it is put again.

    Raises CacheUnusable; UnknownObject, CorruptObject or StorageError of this store.
    """
    found = Pushed()
    with as_cache():
        if not cache.server.capabilities().updates_results:
            raise CacheUnusable(f"{printable(cache.name)} does not let this client push")
        names = {file_names.head(oid): oid for oid in oids}
        there = {names[name]: file for name, file in cache.stored(names, HEAD_LIMIT)}
        for number, oid in enumerate(oids):
            count = partial(progress, "object", number, len(oids))
            _push(store, cache, oid, there.pop(oid, None), found, count)
        kept = cache.heads(found.objects)
    lost = [oid for oid in found.objects if oid not in kept]
    if lost:
        raise not_kept(cache.name, f"{lost[0]}" + (f" and {len(lost) - 1} more" * bool(lost[1:])))
    return found


def _push(
    store: Store,
    cache: ReapiCache,
    oid: ObjectId,
    there: FileResult | None,
    found: Pushed,
    count: Callable[[], object],
) -> None:
    bad = [each for each in store.objects.closure([oid]) if each in found.refused]
    if bad:
        found.refused[oid] = f"it refers to {bad[0]}, which cannot be pushed"
        return
    manifest = store.objects.manifest(oid)
    try:
        tree = mapped(store.layout, cache.server, manifest)
    except InvalidName as error:
        found.refused[oid] = error.message
        return
    top = blob_of(tree.tree())
    named = {blob.digest: blob for blob in (*blobs_of(store.layout, manifest, tree), top)}
    lost = cache.server.missing(list(named))
    head = head_without_pack(manifest, store.objects.closure([oid]))
    if there is not None:
        fault = _fault(head, there, top, len(lost))
        if not fault:
            found.present += 1
            return
        found.mended[oid] = fault
    for size in cache.server.send([blob for digest, blob in named.items() if digest in lost]):
        found.packed += size
        count()
    # A server with a damaged disk may have the blob of a head, and be unable to send it. It would
    # not take it again; with a checksum, the head is another blob.
    unread = there is not None and there.data is None
    data = zstd.compress(head.encode(), checksum=unread)
    found.packed += push_files(cache, {file_names.head(oid): data}, {file_names.head(oid): tree})
    if cache.server.missing(list(named)):
        raise not_kept(cache.name, f"the files of {oid}")
    found.objects.append(oid)


def _fault(head: Head, there: FileResult, top: Blob, lost: int) -> str:
    """Return the fault of an object that should be on the server as ``head`` says, with the tree
    ``top``; ``lost`` is how many of its blobs are not there. Empty when it is whole."""
    if there.data is None:
        return "its head was missing or damaged"
    try:
        own_head(head.manifest.id, there.data, head.manifest.encode(), head.closure)
    except (FormatError, InvalidName) as error:
        return f"its head was damaged: {error.message}"
    if top.digest not in there.trees:
        return "its tree was another's, or missing"
    return f"the server lacked {lost} of its blobs" if lost else ""


def _send(server: Server, blobs: Collection[Blob], count: Callable[[], object]) -> int:
    """Send the blobs that the server lacks; returns their bytes."""
    sent = 0
    for size in send_lacking(server, blobs):
        sent += size
        count()
    return sent


def push_files(
    cache: ReapiCache, data: Mapping[str, bytes], trees: Mapping[str, MappedTree] | None = None
) -> int:
    """Write files of a cache, over those that were there, some with the tree of an object; returns
    the bytes that were sent."""
    with as_cache():
        named = {name: blob_of(each) for name, each in data.items()}
        tops = {name: blob_of(tree.tree()) for name, tree in (trees or {}).items()}
        actions = {name: action_of(name) for name in data}
        commands = [blob for pair in actions.values() for blob in pair]
        sent = _send(cache.server, [*named.values(), *tops.values(), *commands], lambda: None)
        for name, blob in named.items():
            result = message("ActionResult")()
            result.output_files.add(path=FILE, digest=digest_message(blob.digest))
            if name in tops:
                tree = digest_message(tops[name].digest)
                result.output_directories.add(path=TREE, tree_digest=tree)
            cache.server.set_result(actions[name][0].digest, result.SerializeToString())
    return sent


def not_kept(name: str, lost: str) -> CacheUnusable:
    """Return the error for a server that took something and does not have it any more."""
    return CacheUnusable(
        f"the cache {printable(name)} did not keep {lost}",
        hint="is its quota large enough, and its disk in order?",
    )
