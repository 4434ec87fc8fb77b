"""``store cache``: the upkeep of caches in folders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from store.cli.misuse import FindingCommand
from store.cli.options import json_option, trust_option
from store.cli.parameter_types import Duration, Size
from store.cli.wording import counted
from store.display import quoted
from store.errors import UsageError
from store.quantities import bytes_text

if TYPE_CHECKING:
    from store.cache.checking import CacheFinding
    from store.cache.folder_place import FolderPlace
    from store.cache.pruning import PrunePlan
    from store.signing.keys import PublicKey


@click.group("cache")
def command() -> None:
    """Show, check or prune a cache that lies in a folder of this machine.

    `store push` fills a cache, and docs/cache.md describes its files.
    """


@command.command("info", short_help="Show objects, statements, bytes and signers.")
@click.argument("url", metavar="URL")
@json_option()
def info(url: str, as_json: bool) -> None:
    """Show how many objects, statements and bytes there are, and the signers."""
    from store.cache.inventory import signers, take_inventory
    from store.cache.static_cache import StaticCache

    place = _folder(url)
    StaticCache(place).check()
    found = take_inventory(place)
    names = {key.id: key.name for key in _known_keys(())}
    record = {
        "objects": len(found.heads),
        "packed": sum(file.size for file in found.packs.values()),
        "sources": len(found.sources),
        "logs": len(found.logs),
        "bytes": found.size,
        "signers": {
            key_id: {"name": names.get(key_id), "files": count}
            for key_id, count in sorted(signers(found.statements).items())
        },
    }
    if as_json:
        print(json.dumps(record))
        return
    print(f"objects   {len(found.heads)}, {bytes_text(sum(f.size for f in found.packs.values()))}")
    print(f"sources   {len(found.sources)}")
    print(f"logs      {len(found.logs)}")
    print(f"all       {bytes_text(found.size)}")
    for key_id, count in sorted(signers(found.statements).items()):
        print(f"signer    {key_id}  {counted(count, 'file')}  {names.get(key_id, '(not known)')}")


@command.command("check", cls=FindingCommand)
@click.argument("url", metavar="URL")
@click.option("--contents", is_flag=True, help="Read every byte of packs and logs.")
@trust_option
@json_option("finding")
def check(url: str, contents: bool, trust: tuple[str, ...], as_json: bool) -> int:
    """Find everything that is incomplete or damaged.

    Signatures are checked of the keys that are known here. The exit code is 2 if something is
    damaged; notes do not count.
    """
    from store.cache.checking import CacheCheck

    damage: list[CacheFinding] = []

    def found(finding: CacheFinding) -> None:
        if finding.severity == "error":
            damage.append(finding)
        print(json.dumps(finding.to_record()) if as_json else finding)

    run = CacheCheck(_folder(url), found, keys=_known_keys(trust), contents=contents)
    inventory = run.run()
    read = "read" if contents else "looked at"
    click.echo(
        f"{counted(len(inventory.heads), 'object')} and "
        f"{counted(len(inventory.statements), 'file')} of statements {read}: "
        f"{counted(len(damage), 'fault')}",
        err=True,
    )
    return 2 if damage else 0


@command.command("prune", short_help="Remove objects that were not pushed for long.")
@click.argument("url", metavar="URL")
@click.option(
    "--older-than", type=Duration(), help="Remove objects last pushed this long ago, as 30d."
)
@click.option("--max-size", type=Size(), help="Keep the newest closures up to this size, as 50G.")
@click.option(
    "--grace",
    type=Duration(),
    help="Remove packs this long after their heads (default: 1d).",
)
@click.option("--dry-run", "-n", is_flag=True, help="Only show the objects that would be removed.")
def prune_command(
    url: str, older_than: float | None, max_size: int | None, grace: float | None, dry_run: bool
) -> None:
    """Remove objects that were not pushed for long, and statements about these alone.

    A closure stays whole. Statements go first, then heads; packs follow in a later run, as somebody
    may be reading them.
    """
    from store.cache.pruning import GRACE, PrunePolicy, plan_prune, prune

    place = _folder(url)
    plan = plan_prune(place, PrunePolicy(older_than, max_size, GRACE if grace is None else grace))
    if dry_run:
        for oid in plan.objects:
            print(oid.path)
        click.echo(f"would remove {_summary(plan)}", err=True)
        return
    spared = prune(place, plan)
    stayed = f"; {len(spared)} stayed, as a push wanted them" if spared else ""
    click.echo(f"removed {_summary(plan)}{stayed}", err=True)


def _summary(plan: PrunePlan) -> str:
    files = [*plan.facts, *plan.packs, *plan.unfinished]
    later = f", {bytes_text(plan.freed_later)} in a later run" if plan.later else ""
    return (
        f"{counted(len(plan.objects), 'object')} and {counted(len(files), 'other file')}, "
        f"{bytes_text(plan.freed)}{later}; {counted(plan.kept, 'object')} kept"
    )


def _folder(url: str) -> FolderPlace:
    from store.cache.connecting import open_place
    from store.cache.folder_place import FolderPlace

    place = open_place(url)
    if not isinstance(place, FolderPlace):
        raise UsageError(
            f"only a folder can be listed, and {quoted(place.name)} is none",
            hint="run this on the machine that has the cache",
        )
    return place


def _known_keys(trust: tuple[str, ...]) -> list[PublicKey]:
    """Return the keys that are trusted, and the user's own."""
    from store.cli.commands.key import trusted_keys
    from store.signing.keyring import Keyring, default_folder

    ring = Keyring(default_folder())
    own = ring.own_public()
    return [*trusted_keys(trust), *own]
