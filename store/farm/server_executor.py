"""The executor for builds on a server, by its URL and the sandbox that was chosen."""

from __future__ import annotations

from collections.abc import Callable

from store.events import Event
from store.jobs.executor import Executor
from store.jobs.local_executor import LocalExecutor
from store.local.store import Store
from store.reapi.endpoint import parse


def server_executor(
    store: Store,
    local: LocalExecutor,
    url: str,
    most: int,
    sandbox: str,
    emit: Callable[[Event], None],
) -> Executor:
    """Return an executor that has up to ``most`` builds done by a server at once, and all else by
    ``local``. The ``sandbox`` is ``plain`` for the server's own, ``worker`` for that of workers of
    ours, of which those with trusted keys count. UsageError, ServerUnusable."""
    endpoint = parse(url)
    if sandbox == "worker":
        from store.farm.farm_executor import FarmExecutor
        from store.signing.keyring import Keyring, default_folder

        keys = Keyring(default_folder()).trusted()
        return FarmExecutor(store, local, endpoint, most, keys, emit)
    from store.farm.remote_executor import RemoteExecutor

    return RemoteExecutor(store, local, endpoint, most)
