"""Sources and derivations: the nodes of a graph, as frozen values with a digest each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter

from store import canon, digest
from store.canon import Value
from store.digest import DigestKind
from store.display import quoted
from store.errors import FormatError, InvalidName
from store.model import build_files, fields, identity
from store.model.build_files import BuildFiles
from store.model.frozen import computed_property, frozen
from store.model.names import ObjectId, check_name, check_output, object_name

BUILTIN = "builtin:"
"""Prefix of builders that the trusted process runs itself."""

BUILTINS = frozenset({f"{BUILTIN}unpack", f"{BUILTIN}image"})
"""All of them."""

_WITHOUT_HEX = str.maketrans("", "", "0123456789abcdef")


@frozen(order=True)
class Ref:
    """Output ``output`` of the source or derivation with the 32-byte digest ``node``.

    ``name`` is the name that the object will have. ``str(ref)`` is a placeholder path. It may stand
    anywhere in a derivation's builder, args, env or texts of files, and becomes the real one at
    resolution.
    """

    node: bytes
    output: str
    name: str

    def __post_init__(self) -> None:
        check_output(self.output)
        check_name(self.name)

    @computed_property
    def placeholder(self) -> ObjectId:
        """The text in place of the object until it is realised."""
        return identity.placeholder(self.node, self.output, self.name)

    @computed_property
    def _path(self) -> str:
        return self.placeholder.path

    def __str__(self) -> str:
        return self._path

    def to_fields(self) -> Value:
        """Return ``[node, output, name]``."""
        return [self.node, self.output, self.name]

    @classmethod
    def from_fields(cls, value: Value) -> Ref:
        """Return the inverse of :meth:`to_fields`."""
        node, output, name = fields.array(value, 3)
        return _ref(fields.raw(node, 32), fields.text(output), fields.text(name))


_FIELDS = attrgetter("node", "output", "name")
"""The fields of a reference, which are compared as the reference is, but quickly."""


def sorted_refs(refs: Iterable[Ref]) -> tuple[Ref, ...]:
    """Return references as a derivation's inputs: each once, and sorted."""
    return tuple(sorted(set(refs), key=_FIELDS))


@lru_cache(maxsize=10_000)
def _ref(node: bytes, output: str, name: str) -> Ref:
    """Return a reference, one value for all that are equal: a compiler is an input of every build,
    and a value knows its placeholder."""
    return Ref(node, output, name)


@frozen(apart=("locators",))
class Source:
    """A file whose content is known beforehand by SHA-256 (hex), wherever it is fetched from.

    Locators are ``debian:pool/…``, ``pypi:FILENAME`` or a URL, tried in order; they are not part of
    the source's identity.
    """

    name: str
    sha256: str
    locators: tuple[str, ...]
    executable: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.sha256) != 64 or self.sha256.translate(_WITHOUT_HEX):
            raise FormatError(
                f"{self.name}: {quoted(self.sha256)} is not a SHA-256 in hex",
                hint="it has 64 digits, each of 0-9 a-f",
            )
        if not self.locators:
            raise FormatError(f"{self.name}: a source needs a locator")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Always the one output ``out``."""
        return ("out",)

    @computed_property
    def digest(self) -> bytes:
        """32 bytes; of name, hash and executable bit."""
        sha256 = bytes.fromhex(self.sha256)
        record = canon.encode([self.name, "sha256", sha256, self.executable])
        return digest.keyed(DigestKind.SOURCE, record)

    def ref(self, output: str = "out") -> Ref:
        """Return a reference to the fetched file."""
        return Ref(self.digest, output, self.name)

    @property
    def has_secrets(self) -> bool:
        """True if a locator holds a password or token."""
        from store.model.locators import shown

        return any(shown(locator) != locator for locator in self.locators)

    def without_secrets(self) -> Source:
        """Return the same source, as it may be recorded: without passwords and tokens."""
        from dataclasses import replace  # both take long to load

        from store.model.locators import shown

        return replace(self, locators=tuple(map(shown, self.locators)))

    def encode(self) -> bytes:
        """Return ``[name, sha256, executable, locators]``."""
        return self._encoded

    @computed_property
    def _encoded(self) -> bytes:
        return canon.encode(
            [self.name, bytes.fromhex(self.sha256), self.executable, list(self.locators)]
        )

    @classmethod
    def decode(cls, data: bytes) -> Source:
        """Return the inverse of :meth:`encode`; FormatError for anything else."""
        return cls.from_values(canon.decode(data), data)

    @classmethod
    def from_values(cls, values: list[Value], data: bytes) -> Source:
        """Return the source whose encoding, ``data``, was decoded to these values; FormatError for
        others."""
        name, sha256, executable, locators = fields.array(values, 4)
        made = cls(
            fields.text(name),
            fields.raw(sha256, 32).hex(),
            fields.several(locators, fields.text),
            fields.boolean(executable),
        )
        made.__dict__["_encoded"] = data
        return made


@frozen()
class Derivation:
    """A build, frozen. ``inputs`` and ``objects`` are sorted; ``env`` is sorted by key.

    ``rootfs`` is the input whose top-level entries appear in ``/``; it stands in no other field.
    ``files`` are sorted by path and stand in ``/build`` when the build begins, each an ordinary
    file that the builder may change; a builtin has none.
    """

    name: str
    system: str
    builder: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    rootfs: Ref | None = None
    inputs: tuple[Ref, ...] = ()
    objects: tuple[ObjectId, ...] = ()
    outputs: tuple[str, ...] = ("out",)
    files: BuildFiles = ()

    def __post_init__(self) -> None:
        _check_build(self)
        fields.strictly_ascending(map(_FIELDS, self.inputs), f"{self.name}: inputs")
        fields.strictly_ascending(self.objects, f"{self.name}: input objects")

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Every reference to another node: the inputs and the root file system."""
        return self.inputs if self.rootfs is None else (*self.inputs, self.rootfs)

    @computed_property
    def digest(self) -> bytes:
        """32 bytes."""
        return digest.keyed(DigestKind.DERIVATION, self.encode())

    def ref(self, output: str = "out") -> Ref:
        """Return a reference to one of the outputs; InvalidName when there is none of that name."""
        if output not in self.outputs:
            raise InvalidName(f"{self.name} has no output {quoted(output)}")
        return Ref(self.digest, output, object_name(self.name, output))

    def encode(self) -> bytes:
        """Return ``[name, system, builder, args, env, rootfs, inputs, objects, outputs]``, and the
        files if there are any."""
        return self._encoded

    @computed_property
    def _encoded(self) -> bytes:
        # Asked for twice of each node that is evaluated: for its digest, and for the answer. A
        # decoded one has the bytes that it was decoded from: no others decode to it.
        return canon.encode(
            [
                *_command_fields(self),
                None if self.rootfs is None else self.rootfs.to_fields(),
                [ref.to_fields() for ref in self.inputs],
                [fields.object_id_fields(item) for item in self.objects],
                list(self.outputs),
                *build_files.to_fields(self.files),
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Derivation:
        """Return the inverse of :meth:`encode`; FormatError for anything else."""
        return cls.from_values(canon.decode(data), data)

    @classmethod
    def from_values(cls, values: list[Value], data: bytes) -> Derivation:
        """Return the derivation whose encoding, ``data``, was decoded to these values; FormatError
        for others."""
        files = build_files.from_fields(values[9:])
        values = fields.array(values[:9], 9)
        made = cls(
            *_command(values[:5]),
            None if values[5] is None else Ref.from_fields(values[5]),
            fields.several(values[6], Ref.from_fields),
            fields.object_ids(values[7]),
            fields.several(values[8], fields.text),
            files,
        )
        made.__dict__["_encoded"] = data
        return made

    def resolve(self, realised: Mapping[Ref, ObjectId]) -> Resolved:
        """Return this derivation with each input replaced by the object it was realised to.

        ``realised`` holds every one of :attr:`refs`; KeyError otherwise.
        """
        texts = {ref.placeholder.text: realised[ref].text for ref in self.refs}
        replace = _replacer(texts)
        inputs = {realised[ref] for ref in self.inputs} | set(self.objects)
        return Resolved(
            self.name,
            self.system,
            replace(self.builder),
            tuple(replace(arg) for arg in self.args),
            tuple((key, replace(value)) for key, value in self.env),
            None if self.rootfs is None else realised[self.rootfs],
            tuple(sorted(inputs)),
            self.outputs,
            tuple((path, replace(text)) for path, text in self.files),
        )


@frozen()
class Resolved:
    """A derivation whose inputs are objects. Its digest is the key of realisations."""

    name: str
    system: str
    builder: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    rootfs: ObjectId | None = None
    inputs: tuple[ObjectId, ...] = ()
    outputs: tuple[str, ...] = ("out",)
    files: BuildFiles = ()

    def __post_init__(self) -> None:
        _check_build(self)
        fields.strictly_ascending(self.inputs, f"{self.name}: inputs")

    @computed_property
    def digest(self) -> bytes:
        """32 bytes."""
        return digest.keyed(DigestKind.RESOLVED, self.encode())

    def encode(self) -> bytes:
        """Return ``[name, system, builder, args, env, rootfs, inputs, outputs]``, and the files if
        there are any."""
        return canon.encode(
            [
                *_command_fields(self),
                None if self.rootfs is None else fields.object_id_fields(self.rootfs),
                [fields.object_id_fields(item) for item in self.inputs],
                list(self.outputs),
                *build_files.to_fields(self.files),
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> Resolved:
        """Return the inverse of :meth:`encode`; FormatError for anything else."""
        values = canon.decode(data)
        files = build_files.from_fields(values[8:])
        values = fields.array(values[:8], 8)
        return cls(
            *_command(values[:5]),
            None if values[5] is None else fields.object_id(values[5]),
            fields.object_ids(values[6]),
            fields.several(values[7], fields.text),
            files,
        )


def _command_fields(of: Derivation | Resolved) -> list[Value]:
    """Return ``[name, system, builder, args, env]``, which both begin with."""
    return [of.name, of.system, of.builder, list(of.args), [list(pair) for pair in of.env]]


def _command(
    values: Sequence[Value],
) -> tuple[str, str, str, tuple[str, ...], tuple[tuple[str, str], ...]]:
    name, system, builder, args, env = values
    return (
        fields.text(name),
        fields.text(system),
        fields.text(builder),
        fields.several(args, fields.text),
        fields.text_pairs(env),
    )


def _replacer(texts: Mapping[str, str]) -> Callable[[str], str]:
    # One after the other: a digest's text does not hold another's, nor yield one with its
    # neighbours, but by a chance of one in 2**160.
    def replace(text: str) -> str:
        for old, new in texts.items():
            text = text.replace(old, new)
        return text

    return replace


def _check_build(of: Derivation | Resolved) -> None:
    name, builder = of.name, of.builder
    check_name(name)
    if not builder.startswith(("/", BUILTIN)):
        raise FormatError(f"{name}: the builder {quoted(builder)} is neither a path nor {BUILTIN}…")
    keys = [key for key, _ in of.env]
    if "" in keys or "=" in "".join(keys):
        wrong = next(key for key in keys if not key or "=" in key)
        raise FormatError(f"{name}: {quoted(wrong)} cannot name an environment variable")
    if "\0" in "".join((builder, *of.args, *keys, *(value for _, value in of.env))):
        raise FormatError(f"{name}: a NUL byte in the builder, its arguments or environment")
    if not builder.startswith(BUILTIN):
        build_files.check_words(name, of.args, of.env)
    fields.strictly_ascending(keys, f"{name}: environment variables")
    if not of.outputs:
        raise FormatError(f"{name}: a derivation needs an output")
    for output in of.outputs:
        check_output(output)
    if len(set(of.outputs)) != len(of.outputs):
        raise FormatError(f"{name}: an output appears twice")
    if of.files:
        _check_files(of)


def _check_files(of: Derivation | Resolved) -> None:
    if of.builder.startswith(BUILTIN):
        raise FormatError(f"{of.name}: {quoted(of.builder)} takes no files")
    try:
        build_files.check_files(of.files)
    except FormatError as error:
        raise FormatError(f"{of.name}: {error.message}", hint=error.hint) from error


def kind(node: Source | Derivation | Resolved) -> str:
    """Return ``fetch``, ``unpack`` or ``image`` (of builtins), or ``build``."""
    if isinstance(node, Source):
        return "fetch"
    if node.builder.startswith(BUILTIN):
        return node.builder.removeprefix(BUILTIN)
    return "build"
