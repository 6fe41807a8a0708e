"""What the fitters send back is read as it was written."""

import gzip
import io
import json

import numpy as np
import pyarrow as pa

from tests.load.fitters import credence, httpstan
from tests.load.fitters.fitter import least_ess


def test_httpstans_messages() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(50, 3))
    lines = [{"topic": "logger", "values": ["info"]}, {"topic": "sample", "values": [1.0]}]
    lines += [
        {"topic": "sample", "values": {"lp__": -1.0, "mu": a, "theta.1": b, "other": 0.0, "tau": c}}
        for a, b, c in values.tolist()
    ]
    text = "\n".join(map(json.dumps, lines)).encode()
    for came in (text, gzip.compress(text)):
        found = httpstan.draws(came)
        assert list(found) == ["mu", "theta.1", "tau"]
        np.testing.assert_array_equal(np.stack([v[0] for v in found.values()], axis=1), values)


def test_our_draws() -> None:
    values = np.random.default_rng(1).normal(size=(2, 30))
    # Blocks hold some draws of all chains.
    blocks = [
        pa.record_batch(
            {
                "chain": pa.array(np.repeat([0, 1], 15), pa.int32()),
                "draw": pa.array(np.tile(np.arange(15) + start, 2), pa.int64()),
                "theta[0]": values[:, start : start + 15].reshape(-1),
            }
        )
        for start in (0, 15)
    ]
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, blocks[0].schema) as stream:
        for block in blocks:
            stream.write_batch(block)
    found = credence.draws(sink.getvalue())
    assert list(found) == ["theta[0]"]
    np.testing.assert_array_equal(found["theta[0]"], values)


def test_the_least_effective_size() -> None:
    rng = np.random.default_rng(1)
    free = rng.normal(size=(4, 500))
    walk = np.cumsum(rng.normal(size=(4, 500)), axis=1)
    assert least_ess({"a": free}) > 1000
    assert least_ess({"a": free, "b": walk}) < 100
