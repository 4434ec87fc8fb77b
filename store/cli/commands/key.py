"""``store key``: the keys that statements are signed with, and whose are believed."""

from __future__ import annotations

import os

import click

from store.cli.context import Context
from store.display import printable, quoted
from store.errors import FormatError, UnusableKey, UsageError
from store.operations.session import may_be_store
from store.signing.key_choice import key_named
from store.signing.keyring import Keyring, default_folder, read_public
from store.signing.keys import PublicKey


@click.group("key")
def command() -> None:
    """Make and show signing keys, and choose the trusted ones.

    Keys lie in the user's configuration folder ($XDG_CONFIG_HOME/fixpoint), never in a store.
    """


@command.command("new")
@click.argument("name")
@click.pass_obj
def new(context: Context, name: str) -> None:
    """Make a key, and print its public half: one line, to publish. No key is ever overwritten."""
    print(make_key(context, name))


@command.command("list")
def list_keys() -> None:
    """List the keys to sign with (own), and the trusted keys."""
    ring = Keyring(default_folder())
    for name in ring.names():
        try:
            print(f"own      {ring.private(name).public}")
        except (UnusableKey, FormatError) as error:  # the others can be used
            click.echo(f"own      {printable(name)} cannot be used: {error.message}", err=True)
    for key in ring.trusted():
        print(f"trusted  {key}")


@command.command("show", short_help="Print the public half of an own key, and its path.")
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """Print the public half of an own key, and the path of its private half."""
    ring = Keyring(default_folder())
    key = ring.private(name).public
    print(key)
    click.echo(f"id {key.id}\nprivate half in {ring.keys}/{key.name}.key", err=True)


@command.command("trust", short_help="Trust public keys, in every audit from now on.")
@click.argument("keys", nargs=-1, required=True, metavar="FILE|KEYLINE…")
def trust(keys: tuple[str, ...]) -> None:
    """Trust public keys, given as lines or in files, in every audit from now on."""
    ring = Keyring(default_folder())
    for key in ring.trust([key for text in keys for key in public_keys(text)]):
        print(f"trusted  {key}")


@command.command("distrust", short_help="Stop trusting public keys, and forget what they signed.")
@click.argument("keys", nargs=-1, required=True, metavar="NAME|FILE|KEYLINE…")
@click.pass_obj
def distrust(context: Context, keys: tuple[str, ...]) -> None:
    """Stop trusting public keys, and forget in this store all that only they signed.

    Enough is the name of a key that is trusted, or that signed something here. So is the beginning
    of its name or id, if no other begins so. Objects stay. A package counts as not realised if only
    such a key signed it. Other stores keep the records that they imported by the key until you run
    the command with their --root.
    """
    ring = Keyring(default_folder())
    known = [*ring.trusted(), *_signers(context)]
    gone = list(dict.fromkeys(key for text in keys for key in _known_keys(text, known)))
    trusted = ring.distrust(gone)
    for key in trusted:
        print(f"no longer trusted  {key}")
    if may_be_store(context.root):
        from store.local.withdrawal import withdraw

        for record in withdraw(context.store, gone).forgotten:
            print(f"no longer counts   {record.object.path}")
    for key in gone:
        if key not in known:
            click.echo(f"not trusted        {key}", err=True)


def _signers(context: Context) -> list[PublicKey]:
    """Return the keys that signed records of the store, if there is one."""
    if not may_be_store(context.root):
        return []
    from store.local.withdrawal import signing_keys

    return signing_keys(context.store)


def _known_keys(text: str, known: list[PublicKey]) -> list[PublicKey]:
    """Return the known key that a text means, or else those that :func:`public_keys` finds. Raises
    UsageError when it may be several."""
    key = key_named(text, known)
    if key is None and ":" not in text and not os.path.exists(text):
        raise UnusableKey(
            f"{quoted(text)} is neither a trusted key nor a file",
            hint="`store key list` shows the trusted keys",
        )
    if key is not None and os.path.isfile(text):
        raise UsageError(
            f"{quoted(text)} is a key and a file", hint=f"write ./{text}, or the whole key"
        )
    return public_keys(text) if key is None else [key]


def make_key(context: Context, name: str) -> PublicKey:
    """Return a new key in the configuration folder; UsageError if that would be within the
    store."""
    ring = Keyring(default_folder())
    root = os.path.realpath(context.root)
    if os.path.commonpath([root, os.path.realpath(ring.folder)]) == root:
        raise UsageError(
            f"{ring.folder} is within the store, where others can read",
            hint="set XDG_CONFIG_HOME to a folder of your own",
        )
    return ring.create(name)


def public_keys(text: str) -> list[PublicKey]:
    """Return the keys that ``NAME:BASE64``, or a file of such lines, means.

    Raises UnusableKey, FormatError or StorageError.
    """
    if os.path.exists(text):
        return read_public(text)
    if ":" not in text:
        raise UnusableKey(
            f"{quoted(text)} is neither a file nor a key", hint="a key is NAME:BASE64"
        )
    return [PublicKey.parse(text)]


def trusted_keys(texts: tuple[str, ...]) -> list[PublicKey]:
    """Return the keys named, or else those of the configuration folder."""
    if not texts:
        return Keyring(default_folder()).trusted()
    found = list(dict.fromkeys(key for text in texts for key in public_keys(text)))
    if not found:
        raise UnusableKey(f"no key in {', '.join(texts)}")
    return found
