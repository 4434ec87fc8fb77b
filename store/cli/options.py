"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from store.cli.parameter_types import Duration, GroupName, NewLink, Size
from store.cli.servers import begin_server, server_url
from store.errors import UsageError

if TYPE_CHECKING:
    from store.cache.cache_options import CacheOptions
    from store.cli.draw import Loudness
    from store.scheduler.build_options import BuildOptions

F = TypeVar("F", bound=Callable[..., Any])


class RunOptions(NamedTuple):
    """The options of a command that builds or fetches: of its builds, of the caches that are asked,
    if any was given, and how much it says."""

    builds: BuildOptions
    caches: CacheOptions | None
    loudness: Loudness


def run_options(function: F) -> F:
    """Add ``--seed``, ``-q``, ``-v`` and the options of builds and caches; hand them on as one
    ``run`` argument, a :class:`RunOptions`. Unless nothing is to be done (``--dry-run``), a server
    for builds is connected to beside the evaluation of the recipes."""

    @seed_option
    @execution_options
    @cache_options
    @loudness_options
    @functools.wraps(function)
    def wrapped(
        *args: Any,
        options: BuildOptions,
        caches: CacheOptions | None,
        loudness: Loudness,
        **given: Any,
    ) -> Any:
        if options.on is not None and not given.get("dry_run"):
            begin_server(click.get_current_context().obj, options)
        return function(*args, run=RunOptions(options, caches, loudness), **given)

    return wrapped  # type: ignore[return-value]


def seed_option(function: F) -> F:
    """Add ``--seed`` to a command, for those who look for it there; it sets the context's."""

    def choose(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value:
            ctx.obj.seed = value
        return value

    return click.option(
        "--seed",
        metavar="NAME",
        callback=choose,
        expose_value=False,
        help="Build on this bootstrap seed.",
    )(function)


line_option = click.option(
    "--command", "-c", "line", help="Run this shell line instead of a shell."
)


group_option = click.option(
    "--group",
    "groups",
    multiple=True,
    type=GroupName(),
    metavar="GROUP",
    help="Take the packages of this group, such as libs, base or checks.",
)

every_option = click.option(
    "--all", "every", is_flag=True, help="Take all packages that have a check."
)


def json_option(each: str | None = None) -> Callable[[F], F]:
    """Add ``--json``: one line for ``each`` such thing, or one object for all."""
    form = f"one JSON line for each {each}" if each else "one JSON object"
    return click.option("--json", "as_json", is_flag=True, help=f"Print {form}.")


def closure_option(function: F) -> F:
    """Add ``--closure``, of packages."""
    return click.option(
        "--closure", is_flag=True, help="Include everything that the packages are built from."
    )(function)


def diff_option(note: str = "") -> Callable[[F], F]:
    """Add ``--diff``, with a note on what else it does."""
    return click.option("--diff", is_flag=True, help=f"Show differences with diffoscope{note}.")


def link_option(function: F) -> F:
    """Add ``--out-link``, of one object."""
    return click.option(
        "--out-link",
        "-o",
        type=NewLink(),
        metavar="LINK",
        help="Make a link to the object, which keeps it as a root.",
    )(function)


profile_option = click.option(
    "--profile",
    "-p",
    metavar="PATH",
    help="Use the profile at PATH (default: $STORE_PROFILE, else one in the store's folder).",
)


def trust_option(function: F) -> F:
    """Add ``--trust``, of keys."""
    return click.option(
        "--trust",
        multiple=True,
        metavar="FILE|KEYLINE",
        help="Trust the signatures of these keys (default: the keys of `store key trust`).",
    )(function)


def max_log_option(function: F) -> F:
    """Add ``--max-log-size``, of builds."""
    from store.sandbox.log_limit import MAX_LOG

    return click.option(
        "--max-log-size",
        type=Size(),
        metavar="SIZE",
        default=MAX_LOG,
        help=f"Stop a build with a larger log (default: {MAX_LOG >> 20}M).",
    )(function)


def loudness_options(function: F) -> F:
    """Add ``-q`` and ``-v``, and hands them on as one ``loudness`` argument."""

    @click.option("--quiet", "-q", is_flag=True, help="Show only errors and results.")
    @click.option(
        "--verbose",
        "-v",
        is_flag=True,
        help="Show more: phases or, on a terminal, the last line of each log.",
    )
    @functools.wraps(function)
    def wrapped(*args: Any, quiet: bool, verbose: bool, **given: Any) -> Any:
        if quiet and verbose:
            raise UsageError("--quiet and --verbose exclude each other")
        loudness = "quiet" if quiet else "verbose" if verbose else "usual"
        return function(*args, loudness=loudness, **given)

    return wrapped  # type: ignore[return-value]


def width_options(work: str) -> Callable[[F], F]:
    """Return a decorator that adds ``--jobs`` and ``--cores``, of such ``work``."""
    count = click.IntRange(1)

    def add(function: F) -> F:
        cores = click.option(
            "--cores",
            "-c",
            type=count,
            metavar="N",
            help=f"Use N processors for all {work} together.",
        )
        jobs = click.option(
            "--jobs",
            "-j",
            type=count,
            metavar="N",
            help=f"Run N {work} at once (default: cores).",
        )
        return jobs(cores(function))

    return add


def execution_options(function: F) -> F:
    """Add the options of a run, and hands them on as one ``options`` argument."""

    @width_options("builds")
    @click.option(
        "--keep-going",
        "-k",
        is_flag=True,
        help="After a failure, go on with the builds that do not need it.",
    )
    @click.option("--keep-failed", "-K", is_flag=True, help="Keep the tree of a failed build.")
    @click.option("--offline", is_flag=True, help="Fetch nothing.")
    @click.option("--timeout", type=Duration(), help="Stop a build or fetch that takes longer.")
    @click.option(
        "--max-silent-time",
        type=Duration(),
        help="Stop a build or fetch that is silent for longer.",
    )
    @max_log_option
    @click.option(
        "--on", metavar="URL", help="Have builds run by this server of the Remote Execution API."
    )
    @click.option(
        "--remote-jobs",
        type=click.IntRange(1),
        metavar="N",
        help="Run N builds on that server at once (default: 4).",
    )
    @click.option(
        "--remote-sandbox",
        type=click.Choice(["plain", "worker"]),
        help="Build there in the server's sandbox (plain; the default), or in ours, by a "
        "`store worker` whose key is trusted.",
    )
    @functools.wraps(function)
    def wrapped(*args: Any, **given: Any) -> Any:
        from store.scheduler.build_options import BuildOptions, default_cores

        cores = given.pop("cores") or default_cores()
        remote = {name: given.pop(f"remote_{name}") for name in ("jobs", "sandbox")}
        for name, value in remote.items():
            if value is not None and given["on"] is None:
                raise UsageError(
                    f"--remote-{name} is about builds on a server, and none is named",
                    hint="name it with --on URL",
                )
        options = BuildOptions(
            jobs=given.pop("jobs") or cores,
            cores=cores,
            keep_going=given.pop("keep_going"),
            keep_failed=given.pop("keep_failed"),
            offline=given.pop("offline"),
            timeout=given.pop("timeout"),
            max_silent=given.pop("max_silent_time"),
            max_log=given.pop("max_log_size"),
            on=None if (url := given.pop("on")) is None else server_url(url),
            **{f"remote_{name}": value for name, value in remote.items() if value is not None},
        )
        _check_applicable(options)
        return function(*args, options=options, **given)

    return wrapped  # type: ignore[return-value]


def _check_applicable(options: BuildOptions) -> None:
    """Raise UsageError for an option that builds on a server could not keep."""
    if options.on is not None and options.keep_failed:
        raise UsageError(
            "--keep-failed keeps no tree of a build on a server",
            hint="build it here, without --on, to look at its tree",
        )
    if options.on is not None and options.max_silent and options.remote_sandbox == "plain":
        raise UsageError(
            "--max-silent-time is not kept by the sandbox of a server",
            hint="leave it out, or have the builds done by workers: --remote-sandbox worker",
        )


key_option = click.option("--key", metavar="NAME", help="Sign with this key, if there are several.")


def cache_options(function: F) -> F:
    """Add the options of caches, and hands them on as one ``caches`` argument; None if none is
    given."""

    @click.option(
        "--cache",
        multiple=True,
        metavar="URL",
        help="Take missing objects from this cache (default: $STORE_CACHES, or config.toml).",
    )
    @click.option("--no-cache", is_flag=True, help="Ask no cache.")
    @click.option("--cache-only", is_flag=True, help="Build and fetch nothing.")
    @click.option(
        "--threshold",
        type=click.IntRange(1),
        metavar="K",
        help="Take an object from caches only if K different trusted keys signed it.",
    )
    @functools.wraps(function)
    def wrapped(
        *args: Any,
        cache: tuple[str, ...],
        no_cache: bool,
        cache_only: bool,
        threshold: int | None,
        **given: Any,
    ) -> Any:
        if no_cache and (cache or cache_only or threshold):
            raise UsageError("--no-cache goes with no other option of caches")
        caches = None
        if cache or no_cache or cache_only or threshold:
            from store.cache.cache_options import CacheOptions

            caches = CacheOptions(cache, no_cache, cache_only, threshold)
        return function(*args, caches=caches, **given)

    return wrapped  # type: ignore[return-value]
