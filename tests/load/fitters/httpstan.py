"""httpstan: `python -m httpstan` in the peers' environment, which compiles a model once."""

import contextlib
import gzip
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from services.gateway.examples import DATA
from services.processes import end_with_parent
from services.serve import free_port
from tests.benchmarks.peers.registry import BENCH_PYTHON, ROOT
from tests.load.fitters.fitter import NAMES, Array, Fitter, ask

#: The environment of the benchmarks' peers, which `make load` makes too.
PYTHON = BENCH_PYTHON
PROGRAM = ROOT / "tests" / "benchmarks" / "stan" / "eight_schools.stan"
#: Its own defaults.
WARMUP, DRAWS = 1000, 1000
_FUNCTION = "stan::services::sample::hmc_nuts_diag_e_adapt"
#: Seconds until it must answer, and between two looks at a fit under way.
_START, _LOOK = 60.0, 0.005


@contextlib.contextmanager
def httpstan() -> Iterator[Fitter]:
    """Run it while the block lasts, with the model compiled."""
    port = free_port("127.0.0.1", 0)
    build = ROOT / "build" / "httpstan"
    build.mkdir(parents=True, exist_ok=True)
    with (build / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(PYTHON), "-m", "httpstan", "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "XDG_CACHE_HOME": str(build)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,
        )
    try:
        model = _compiled(process, port)
        yield Fitter(port, _Fit(model), draws)
    finally:
        process.terminate()
        process.wait(30)


def _compiled(process: "subprocess.Popen[bytes]", port: int) -> str:
    """Return the model's name, once it is compiled."""
    until = time.monotonic() + _START
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        try:
            found = ask(connection, "POST", "/v1/models", {"program_code": PROGRAM.read_text()})
            return str(json.loads(found)["name"])
        except ConnectionError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.2)
        finally:
            connection.close()


class _Fit:
    """One fit of a model by name."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._data = {"N": len(DATA["y"]), **DATA}

    def __call__(self, connection: http.client.HTTPConnection, seed: int) -> bytes:
        asked: dict[str, Any] = {
            "function": _FUNCTION,
            "data": self._data,
            "num_warmup": WARMUP,
            "num_samples": DRAWS,
            "random_seed": seed,
        }
        operation = json.loads(ask(connection, "POST", f"/v1/{self._model}/fits", asked))
        while not operation["done"]:
            time.sleep(_LOOK)
            operation = json.loads(ask(connection, "GET", f"/v1/{operation['name']}"))
        return ask(connection, "GET", f"/v1/{operation['result']['name']}")


def draws(came: bytes) -> dict[str, Array]:
    """Read the messages of a fit, one JSON document a line."""
    text = gzip.decompress(came) if came.startswith(b"\x1f\x8b") else came
    rows = [
        message["values"]
        for message in map(json.loads, text.splitlines())
        if message["topic"] == "sample" and "lp__" in message["values"]
    ]
    wanted = [name for name in rows[0] if name.partition(".")[0] in NAMES]
    return {name: np.array([[row[name] for row in rows]]) for name in wanted}
