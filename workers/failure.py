"""From an exception to the problem (RFC 9457) of a failed job."""

import errno
import traceback
from typing import Any

import torch

from models.errors import ModelError
from workers.confinement import machine_memory, peak_memory, sizes
from workers.devices import gpu_memory
from workers.dispatch.task import Receipt
from workers.errors import PROBLEM, WorkerError
from workers.jobs import JobState

_OUT_OF_MEMORY = (
    "The worker ran out of memory{sizes}; use fewer chains, draws or particles, or less data."
)
#: What torch, C++, Python and our own native code say where there is none, in a RuntimeError.
_NO_MEMORY = (
    "can't allocate memory",
    "bad_alloc",
    "can't start new thread",
    "memory is exhausted",
)
_INTERNAL = "The service made a mistake while it computed this job; the operator's log says where."


def failure(error: BaseException) -> Receipt:
    """Return the receipt of a job that an exception ended.

    Mistakes in the model or its data and known failures tell what they are. Anything else is
    ours: the caller gets one sentence, the operator's log the traceback.
    """
    if isinstance(error, ModelError):
        complaint = {"path": error.path, "message": error.message}
        detail = f"{error.path}: {error.message}"
        return _failed("model-error", "The model or its data cannot be used", detail, [complaint])
    if isinstance(error, WorkerError):
        return _failed(error.kind, "The work could not be done", error.detail)
    if _out_of_memory(error):
        held = sizes(*(gpu_memory(error) or (peak_memory(), machine_memory())))
        receipt = _failed("out-of-memory", "Out of memory", _OUT_OF_MEMORY.format(sizes=held))
    else:
        receipt = _failed("internal", "Internal error", _INTERNAL)
    # What such an error left behind in the process is unknown, so no other job should meet it.
    return receipt.model_copy(update={"fault": True, "traceback": _trace(error)})


def _failed(
    kind: str, title: str, detail: str, errors: list[dict[str, str]] | None = None
) -> Receipt:
    problem: dict[str, Any] = {"type": PROBLEM + kind, "title": title, "detail": detail}
    if errors:
        problem["errors"] = errors
    return Receipt(state=JobState.FAILED, error=problem)


def _out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _NO_MEMORY)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
