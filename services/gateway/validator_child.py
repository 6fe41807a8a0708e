"""The child process that checks models: reads tasks from a socket, answers, dies with its parent.

Run as `python -m services.gateway.validator_child DESCRIPTOR MEMORY_BYTES`.
"""

import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
import torch

from models.cache import Cache
from models.compile import check_model
from models.definition import parse_definition
from models.errors import DefinitionError, ModelError, TooLargeError
from models.estimate import Limits
from services.gateway import frames
from services.gateway.derivatives import derivatives
from services.gateway.evaluation import log_density
from services.gateway.evidence import evidence
from services.gateway.expressions import expressions
from services.gateway.observations import log_likelihood, observations
from workers.inputs import load_input
from workers.logs import configure_logging

log = structlog.get_logger()

#: Compiled once before the first task: the first trace of a process takes seconds.
_WARMING = {
    "language": "graph",
    "sites": [
        {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}},
        {"name": "y", "distribution": "Normal", "args": {"loc": "mu", "scale": 1}, "observed": "y"},
    ],
}


def main(descriptor: int, memory: int) -> None:
    """Answer tasks until the gateway is gone."""
    # Ctrl-C goes to the whole group; the gateway ends first and closes the socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    channel = socket.socket(fileno=descriptor)
    check({"definition": _WARMING, "data": {"y": 0.5}})
    # What is known of models, without their data: many jobs have the same model; and a process that
    # waits for the next Stan program.
    known = Cache()
    _limit_memory(memory)
    try:
        frames.send(channel, "ready")
        while True:
            task = frames.receive(channel)
            # Ends this process, whatever it is in the middle of and whether or not the gateway
            # still lives.
            signal.setitimer(signal.ITIMER_PROF, task["seconds"])
            reply = answer({**task, "cache": known})
            signal.setitimer(signal.ITIMER_PROF, 0)
            frames.send(channel, reply)
    except frames.ClosedError:
        return


def answer(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"result": ...}` or `{"error": {"class", "path", "message"}}`; raises nothing."""
    try:
        return {"result": _TASKS[task["task"]](task)}
    except ModelError as error:
        return _refusal(error)
    except MemoryError:
        return _refusal(_too_large())
    except Exception as error:
        if "allocate memory" in str(error):
            return _refusal(_too_large())
        # All that ran is the model: whatever it raised, the model cannot be evaluated.
        log.warning("model raised", action="refuse_model", exc_info=error)
        name, text = type(error).__name__, str(error).split("\n")[0][:300]
        return _refusal(DefinitionError("model", f"it cannot be evaluated: {name}: {text}"))


def check(task: Mapping[str, Any]) -> dict[str, Any]:
    """Check and describe a model."""
    definition = parse_definition(task["definition"])
    data = None if task["data"] is None else load_input(task["data"], definition)
    limits = Limits(seconds=task.get("seconds", Limits.seconds))
    found = check_model(definition, data, limits=limits, cache=task.get("cache"))
    return found.model_dump(mode="json")


def evaluate(task: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate a model's log density at one point."""
    definition, data = _model(task)
    return log_density(definition, data, task["where"])


def differentiate(task: Mapping[str, Any]) -> dict[str, Any]:
    """Differentiate a part of a model's log density at one point."""
    definition, data = _model(task)
    return derivatives(definition, data, task["asked"])


def observe(task: Mapping[str, Any]) -> dict[str, Any]:
    """Name a model's dimensions and give what it has observed."""
    return observations(*_model(task))


def likelihood(task: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate every observation's log likelihood at many points."""
    definition, data = _model(task)
    return log_likelihood(definition, data, task["points"])


def integrate(task: Mapping[str, Any]) -> dict[str, Any]:
    """Integrate a model's posterior density."""
    return evidence(*_model(task))


def average(task: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate expressions at many draws."""
    return expressions(task["texts"], task["known"], task["draws"])


_TASKS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "check": check,
    "log_density": evaluate,
    "derivatives": differentiate,
    "observations": observe,
    "log_likelihood": likelihood,
    "expressions": average,
    "evidence": integrate,
}


def _model(task: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return a task's model and its data."""
    definition = parse_definition(task["definition"])
    return definition, load_input(task["data"], definition)


def _refusal(error: ModelError) -> dict[str, Any]:
    fields = {"class": type(error).__name__, "path": error.path, "message": error.message}
    return {"error": fields}


def _too_large() -> TooLargeError:
    return TooLargeError(
        "model", "one evaluation takes more memory than a check may; use smaller shapes"
    )


def _limit_memory(extra: int) -> None:
    """Allow the process `extra` bytes of address space beyond what it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    configure_logging("checker")
    main(int(sys.argv[1]), int(sys.argv[2]))
