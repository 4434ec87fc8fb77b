"""Errors of a server that is used as a cache."""

from __future__ import annotations

import pytest

from store.cache.server_errors import as_cache
from store.errors import ServerUnusable, StoreError
from store.job_errors import CacheUnusable
from store.reapi.messages import missing_extra


@pytest.mark.parametrize("error", [ServerUnusable("silent", hint="x"), missing_extra("grpc")])
def test_whatever_keeps_a_server_from_use_is_the_caches_error(
    error: StoreError,
) -> None:
    with pytest.raises(CacheUnusable) as caught, as_cache():
        raise error
    assert (caught.value.message, caught.value.hint) == (error.message, error.hint)
