"""Runs of engines on the CPU and on the second device, in a process of its own.

    python -m tests.workers.engines.on_devices < [{"engine": ..., "model": ..., "data": ...}, ...]

For every run a line of JSON is written: what came of it `here` and `there`.
"""

import hashlib
import json
import sys
import traceback
from typing import Any

import torch
from pydantic import TypeAdapter

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from tests.second.device import Generator, install
from tests.workers.engines.runs import finished
from workers.engines import AnyEngineOptions


def ran(asked: dict[str, Any], device: str) -> dict[str, Any]:
    """Run an engine; return its findings, and digests of its draws by name."""
    density = compile_model(
        parse_definition(asked["model"]), load_data(asked["data"]), device=device, discrete=True
    )
    assert density.device.type == device
    done = finished(TypeAdapter(AnyEngineOptions).validate_python(asked["engine"]), density)
    values = {name: done.draws.values(name) for name in done.draws.names()}
    return {
        "findings": done.findings.model_dump_json(),
        "draws": {k: hashlib.sha256(v.tobytes()).hexdigest() for k, v in values.items()},
        "shapes": {k: v.shape for k, v in values.items()},
        "finite": all(bool(torch.isfinite(torch.as_tensor(v)).all()) for v in values.values()),
    }


def main() -> None:
    """Run what standard input asks for."""
    device = install().type
    torch.Generator = Generator  # type: ignore[misc]
    torch.set_num_threads(1)
    for asked in json.load(sys.stdin):
        try:
            found = {"here": ran(asked, "cpu"), "there": ran(asked, device)}
        except Exception:
            found = {"error": traceback.format_exc()}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
