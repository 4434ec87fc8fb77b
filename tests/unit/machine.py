"""A machine of this distribution, as far as changes of its system see one: its root is a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store import Session
from store.activation.kernels import Kernel
from store.operations import system_changes

KERNELS = {"one": "/store/k1-linux-1", "two": "/store/k2-linux-2"}


def make_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let this process take itself for such a machine, which runs its image's system with the first
    kernel; returns the root of its store."""
    root, image = folder / "root", folder / "image"
    monkeypatch.setattr(system_changes, "ROOT", str(root))
    monkeypatch.setattr(system_changes, "IMAGE", str(image))
    monkeypatch.setattr(system_changes, "running", lambda: None)
    monkeypatch.setattr(system_changes, "forgive", lambda number: None)
    monkeypatch.setattr(system_changes, "activate", lambda tree, number: None)
    monkeypatch.setattr(system_changes, "refusal", lambda kernel: None)
    monkeypatch.setattr(system_changes, "kernel_of", _read_kernel)
    monkeypatch.setattr(system_changes, "running_kernel", lambda: KERNELS["one"] + "/boot/bzImage")
    (image / "boot").mkdir(parents=True)
    (image / "boot/bzImage").symlink_to(KERNELS["one"] + "/boot/bzImage")
    return str(root)


def _read_kernel(tree: str) -> Kernel:
    return Kernel(os.readlink(f"{tree}/boot/bzImage"), "", None)


def add_system(session: Session, folder: Path, name: str, *services: str) -> str:
    """Put a system with the kernel of this name, and services, into the store; returns its path."""
    tree = folder / f"system-{name}"
    (tree / "etc/runit").mkdir(parents=True)
    for script in ("init", "etc/runit/activate", "etc/runit/begin", "etc/runit/services"):
        (tree / script).write_text("#!/bin/sh\n")
    (tree / "boot").mkdir()
    (tree / "boot/bzImage").symlink_to(f"{KERNELS[name]}/boot/bzImage")
    for service in services:
        (tree / "etc/sv" / service).mkdir(parents=True)
        (tree / "etc/sv" / service / "run").write_text("#!/bin/sh\n")
    return session.store.objects.add(str(tree), f"system-{name}").path
