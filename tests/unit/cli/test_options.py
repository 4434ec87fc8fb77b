"""Options that are more than a flag."""

from __future__ import annotations

from types import SimpleNamespace

import click
import pytest

from store.cache.cache_options import CacheOptions
from store.cli.options import RunOptions, loudness_options, run_options, width_options
from store.errors import UsageError
from store.farm import begun_server
from store.scheduler.build_options import default_cores


@pytest.mark.parametrize(
    ("words", "loudness"), [([], "usual"), (["-q"], "quiet"), (["--verbose"], "verbose")]
)
def test_how_much_is_said(words: list[str], loudness: str) -> None:
    @click.command()
    @loudness_options
    def command(loudness: str) -> str:
        return loudness

    assert command.main(words, standalone_mode=False) == loudness
    with pytest.raises(UsageError):
        command.main(["-q", "-v"], standalone_mode=False)


def test_the_options_of_a_run_travel_as_one_value() -> None:
    @click.command()
    @run_options
    @click.pass_obj
    def command(context: SimpleNamespace, run: RunOptions) -> RunOptions:
        return run

    context = SimpleNamespace(seed="usual")
    words = [
        "--seed",
        "other",
        "-j",
        "3",
        "-c",
        "2",
        "-k",
        "--cache",
        "file:///c",
        "--threshold",
        "2",
        "-q",
    ]
    run = command.main(words, obj=context, standalone_mode=False)
    assert (run.builds.jobs, run.builds.cores, run.builds.keep_going) == (3, 2, True)
    assert run.caches == CacheOptions(("file:///c",), False, False, 2)
    assert (run.loudness, context.seed) == ("quiet", "other")
    usual = command.main([], obj=context, standalone_mode=False)
    assert (usual.caches, usual.loudness) == (None, "usual")
    assert usual.builds.jobs == usual.builds.cores == default_cores()


def test_a_server_for_builds_is_begun_before_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun_server, "begun_server", lambda *args: args)

    @click.command()
    @click.option("--dry-run", is_flag=True)
    @run_options
    @click.pass_obj
    def command(context: SimpleNamespace, dry_run: bool, run: RunOptions) -> object:
        return context.session.server

    def begun(*words: str) -> object:
        context = SimpleNamespace(session=SimpleNamespace(server=None))
        return command.main(words, standalone_mode=False, obj=context)

    url = "grpc://127.0.0.1:1"
    assert begun() is None
    assert begun("--on", url) == (url, "plain")
    assert begun("--on", url, "--remote-sandbox", "worker") == (url, "worker")
    assert begun("--on", url, "--dry-run") is None


def test_options_of_width_name_the_work_that_they_bound() -> None:
    @click.command()
    @width_options("rebuilds")
    def command(jobs: int | None, cores: int | None) -> tuple[int | None, int | None]:
        return jobs, cores

    assert command.main(["-j", "2"], standalone_mode=False) == (2, None)
    texts = [each.help for each in command.params if isinstance(each, click.Option)]
    assert texts == [
        "Run N rebuilds at once (default: cores).",
        "Use N processors for all rebuilds together.",
    ]
    for option in ("-j", "-c"):
        with pytest.raises(click.BadParameter):
            command.main([option, "0"], standalone_mode=False)
