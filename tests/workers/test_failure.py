"""Exceptions become problems; what is ours stays in the log."""

import errno
import re

import pytest
import torch

from models.errors import DataError
from workers.errors import NoInitialPointError
from workers.failure import failure


def test_a_model_error_tells_where_and_what() -> None:
    receipt = failure(DataError("data.y[3]", "write a number"))
    assert receipt.error == {
        "type": "urn:credence:problem:model-error",
        "title": "The model or its data cannot be used",
        "detail": "data.y[3]: write a number",
        "errors": [{"path": "data.y[3]", "message": "write a number"}],
    }
    assert not receipt.fault


def test_a_known_failure_has_its_kind_and_sentence() -> None:
    error = failure(NoInitialPointError("no point; not finite: y", ("y",))).error
    assert error is not None
    assert error["type"].endswith(":no-initial-point")
    assert error["detail"] == "no point; not finite: y"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("x"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        RuntimeError("native code did nothing: memory is exhausted"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_memory_running_out_is_told_and_the_worker_replaced(error: Exception) -> None:
    receipt = failure(error)
    assert receipt.error is not None
    assert receipt.error["type"].endswith(":out-of-memory")
    assert re.search(r"it held \d+\.\d GiB at most, of \d+\.\d GiB there", receipt.error["detail"])
    assert receipt.fault


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), RuntimeError("no"), ValueError()])
def test_what_is_no_want_of_memory_is_not_told_as_one(error: Exception) -> None:
    receipt = failure(error)
    assert receipt.error is not None
    assert receipt.error["type"].endswith(":internal")


def test_anything_else_is_ours_and_tells_nothing() -> None:
    try:
        raise KeyError("a secret")
    except KeyError as error:
        receipt = failure(error)
    assert receipt.error is not None
    assert receipt.error["type"].endswith(":internal")
    assert "secret" not in str(receipt.error)
    assert receipt.traceback is not None
    assert "a secret" in receipt.traceback
