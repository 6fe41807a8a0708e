"""Ours: the whole service, `credence serve`."""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from services.embedded import embedded
from services.gateway.examples import DATA, EIGHT_SCHOOLS
from tests.load.fitters.fitter import NAMES, Array, Fitter, ask

#: Twelve hundred draws in all, for the ESS of httpstan's thousand, from starts as Stan's are.
ENGINE: dict[str, Any] = {
    "kind": "nuts",
    "chains": 4,
    "warmup": 300,
    "draws": 300,
    "init": "uniform",
}


@contextlib.contextmanager
def credence(engine: Mapping[str, Any] = ENGINE) -> Iterator[Fitter]:
    """Run the service while the block lasts."""
    with embedded() as url:

        def fit(connection: http.client.HTTPConnection, seed: int) -> bytes:
            body = {
                **{"model": EIGHT_SCHOOLS, "data": DATA, "engine": engine, "seed": seed},
                # As httpstan's model, which is compiled beforehand too.
                "tier": "compiled",
            }
            job = json.loads(ask(connection, "POST", "/v1/jobs", body))
            links = job["links"]
            # The stream ends with the job.
            ask(connection, "GET", links["events"])
            ask(connection, "GET", links["result"])
            return ask(connection, "GET", f"{links['draws']}?parameters={','.join(NAMES)}")

        yield Fitter(int(url.rpartition(":")[2]), fit, draws)


def draws(came: bytes) -> dict[str, Array]:
    """Read an Arrow stream of draws."""
    table = pa.ipc.open_stream(came).read_all()
    table = table.sort_by([("chain", "ascending"), ("draw", "ascending")])
    chains = 1 + int(table["chain"].to_numpy().max())
    return {
        name: np.asarray(table[name].to_numpy()).reshape(chains, -1)
        for name in table.column_names
        if name not in ("chain", "draw")
    }
