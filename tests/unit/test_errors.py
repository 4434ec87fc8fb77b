"""Errors: their exit codes, and those of system calls."""

from __future__ import annotations

import errno
from collections import Counter

import pytest

from store import errors, job_errors
from store.errors import StoreError


@pytest.mark.parametrize(
    ("name", "shown"), [(b"caf\xc3\xa9", " (café)"), ("x", " (x)"), (7, ""), (None, "")]
)
def test_an_error_of_the_system_names_its_file_as_text(name: object, shown: str) -> None:
    error = errors.storage_error(OSError(5, "Input/output error", name), "cannot read")
    assert error.message == f"cannot read: Input/output error{shown}"


def test_each_class_of_error_has_its_own_exit_code_and_says_so() -> None:
    classes = [
        each
        for each in {**vars(errors), **vars(job_errors)}.values()
        if isinstance(each, type) and issubclass(each, StoreError) and "exit_code" in vars(each)
    ]
    codes = Counter(each.exit_code for each in classes)
    assert [code for code, count in codes.items() if count > 1] == []
    lines = (errors.__doc__ or "").splitlines()
    for each in classes:
        told = [line.replace(",", " ").split() for line in lines if f" {each.__name__} " in line]
        assert any(str(each.exit_code) in words for words in told), each


def test_a_missing_file_of_the_kernel_is_one_that_a_chroot_lacks() -> None:
    missing = FileNotFoundError(2, "No such file or directory", "/dev/null")
    error = errors.storage_error(missing, "cannot read")
    assert error.hint is not None
    assert "mount --rbind /dev DIR/dev" in error.hint
    assert errors.storage_error(FileNotFoundError(2, "No", "/a"), "cannot read").hint is None


def test_an_error_without_a_number_is_reported_in_its_own_words() -> None:
    error = errors.storage_error(OSError("Dynamic loading not supported"), "a call failed")
    assert error.message == "a call failed: Dynamic loading not supported"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_place_that_is_not_the_stores_has_a_remedy_of_its_own(number: int) -> None:
    refused = OSError(number, "refused")
    usual = errors.storage_error(refused, "cannot write")
    assert usual.hint == "choose another place with --root or $STORE_ROOT"
    assert errors.storage_error(refused, "cannot write", remedy="ask").hint == "ask"


@pytest.mark.parametrize(
    ("number", "code", "hint"),
    [
        (errno.EACCES, 52, "choose another place for it"),
        (errno.ENOENT, 50, "choose another place for it"),
        (errno.ENOSPC, 51, "free some space; finished work is not lost"),
    ],
)
def test_a_file_that_a_user_named_can_be_elsewhere(number: int, code: int, hint: str) -> None:
    error = errors.output_error(OSError(number, "refused"), "the copy", "/a")
    assert error.message == "cannot write the copy '/a': refused"
    assert (error.exit_code, error.hint) == (code, hint)
