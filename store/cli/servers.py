"""The server for builds that a command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.cli.context import Context
    from store.scheduler.build_options import BuildOptions


def server_url(text: str) -> str:
    """Return the URL, checked before any work is done; UsageError, also when what it takes to speak
    to a server is not installed."""
    from store.reapi.endpoint import parse
    from store.reapi.messages import check_extra

    found = parse(text).url
    check_extra()
    return found


def begin_server(context: Context, options: BuildOptions) -> None:
    """Let the server of the options, if they have one, be connected to beside all that comes before
    the first build. UsageError."""
    if options.on is not None:
        from store.farm.begun_server import begun_server

        context.session.server = begun_server(options.on, options.remote_sandbox)
