"""httpstan: Stan behind HTTP, each program compiled by the C++ toolchain.

A server of its own beside the measured process, which speaks to it as any client would: a chain is
a fit, and what counts is the time until its draws have been read.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from services.processes import end_with_parent
from tests.benchmarks import stan_programs
from tests.benchmarks.basket import Row
from tests.benchmarks.peers.child import serve
from tests.benchmarks.peers.phases import warmup_share
from tests.benchmarks.peers.sampler import CHAINS, DRAWS, WARMUP, AbstractSampler, Array, Run

NUTS = "stan::services::sample::hmc_nuts_diag_e_adapt"
#: Seconds between looks at a fit under way, and for the server to answer after its start.
LOOK, START = 0.005, 60.0


class HttpStan(AbstractSampler):
    """NUTS of httpstan with its defaults, as many chains at a time as there are cores."""

    packages: ClassVar[tuple[str, ...]] = ("httpstan",)

    def __init__(self, row: Row, data: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self._row = row
        self._data = {k: np.asarray(v).tolist() for k, v in stan_programs.with_sizes(data).items()}
        self._port = _free_port()
        command = [sys.executable, "-m", "httpstan", "--port", str(self._port)]
        self._server = subprocess.Popen(
            command,
            # It leaves what the compiler made where it is started.
            cwd=os.environ.get("XDG_CACHE_HOME"),
            stdout=subprocess.DEVNULL,
            preexec_fn=end_with_parent,
        )
        self._await_server()
        program = {"program_code": stan_programs.source(row)}
        self._model: str = self._asked("POST", "/v1/models", program)["name"]

    def run(self, seed: int) -> Run:
        start = time.perf_counter()
        begun = [self._begin(seed, chain) for chain in range(1, CHAINS + 1)]
        for operation in begun:
            self._await_fit(operation["name"])
        texts = [self._text("GET", f"/v1/{one['metadata']['fit']['name']}") for one in begun]
        chains = [columns_of(text.splitlines()) for text in texts]
        columns = {name: np.stack([c[name] for c in chains]) for name in chains[0]}
        names = (*self._row.parameters, *self._row.derived)
        draws = {name: gathered(columns, name) for name in names}
        seconds = time.perf_counter() - start
        share = warmup_share("\n".join(texts), WARMUP / (WARMUP + DRAWS))
        return Run(
            warmup=seconds * share,
            sample=seconds * (1 - share),
            draws=draws,
            leapfrogs=float(columns["n_leapfrog__"].mean()),
            divergences=int(columns["divergent__"].sum()),
        )

    def gradient_seconds(self) -> None:
        """A gradient is asked for over HTTP, which takes longer than the gradient."""
        return

    def _begin(self, seed: int, chain: int) -> dict[str, Any]:
        asked = {
            "function": NUTS,
            "data": self._data,
            "random_seed": seed,
            "chain": chain,
            "num_warmup": WARMUP,
            "num_samples": DRAWS,
            "refresh": WARMUP + DRAWS,
        }
        return self._asked("POST", f"/v1/{self._model}/fits", asked)

    def _await_fit(self, operation: str) -> None:
        while not (found := self._asked("GET", f"/v1/{operation}"))["done"]:
            time.sleep(LOOK)
        if "code" in found["result"]:
            raise RuntimeError(found["result"]["message"])

    def _await_server(self) -> None:
        end = time.monotonic() + START
        while True:
            try:
                self._text("GET", "/v1/health")
                return
            except OSError:
                if self._server.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(LOOK)

    def _asked(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._text(method, path, body))
        return answer

    def _text(self, method: str, path: str, body: Any = None) -> str:
        # A connection for each question: the server closes those that idle.
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {text[:300]}")
        return text


def columns_of(lines: Iterable[str]) -> dict[str, Array]:
    """Return a chain's draws, `N` by column, from its messages, one a line."""
    messages = (json.loads(line) for line in lines if line.startswith("{"))
    rows = [
        message["values"]
        for message in messages
        # The other values of this topic are lists: what was adapted.
        if message["topic"] == "sample" and isinstance(message["values"], dict)
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def gathered(columns: Mapping[str, Array], name: str) -> Array:
    """Return a quantity, `C x N x shape`, from the columns of its entries, `C x N` each.

    Columns are named `theta.2.1`, with indices that count from 1.
    """
    if name in columns:
        return columns[name]
    places = {
        tuple(int(part) - 1 for part in column.split(".")[1:]): values
        for column, values in columns.items()
        if column.startswith(f"{name}.")
    }
    shape = tuple(max(place) + 1 for place in zip(*places, strict=True))
    found = np.empty((*next(iter(places.values())).shape, *shape))
    for place, values in places.items():
        found[(..., *place)] = values
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    serve(HttpStan)
