"""What the Stan rows are made of: programs with their data, and what their peers' answers mean."""

import json

import numpy as np
import pytest
import torch

from tests.acceptance.posteriors import NAMES
from tests.benchmarks.basket import ROWS
from tests.benchmarks.peers.httpstan import columns_of, gathered
from tests.benchmarks.peers.phases import warmup_share
from tests.benchmarks.peers.registry import OURS, PEERS, STAN
from tests.benchmarks.stan_programs import source, with_sizes
from tests.models.stan.programs import built


@pytest.mark.parametrize("name", NAMES)
def test_a_program_reads_what_the_row_has(name: str) -> None:
    row = ROWS[name]
    density = built(source(row), with_sizes(row.data()))
    assert density.dim == row.dimension
    assert {p.name for p in density.parameters} == set(row.parameters)
    assert {d.name for d in density.deterministics} >= set(row.derived)
    z = density.initial(torch.Generator().manual_seed(1), 1) / 4
    assert bool(density.value(z).isfinite())
    density.close()


def test_a_program_is_told_sizes() -> None:
    x = np.zeros((5, 3))
    assert with_sizes({"x": x, "y": np.zeros(5)}).keys() == {"N", "K", "x", "y"}
    told = with_sizes({"y": np.zeros(7), "K": 2})
    assert (told["N"], told["K"]) == (7, 2)


def test_our_engines_and_the_others_are_told_apart() -> None:
    assert [name for name, peer in STAN.items() if peer.ours] == ["credence-chees", "credence-nuts"]
    assert OURS.ours
    assert not any(peer.ours for peer in PEERS.values())


def test_columns_become_arrays() -> None:
    lines = [
        json.dumps({"topic": "logger", "values": ["info: hello"]}),
        json.dumps({"topic": "sample", "values": ["Adaptation terminated"]}),
        *(
            json.dumps({"topic": "sample", "values": {"mu": n, "a.1.1": n, "a.2.1": 10.0 + n}})
            for n in (1.0, 2.0)
        ),
        "",
    ]
    chain = columns_of(lines)
    columns = {name: np.stack([values, values + 1]) for name, values in chain.items()}
    assert gathered(columns, "mu").tolist() == [[1.0, 2.0], [2.0, 3.0]]
    a = gathered(columns, "a")
    assert a.shape == (2, 2, 2, 1)
    assert a[1, 0, :, 0].tolist() == [2.0, 12.0]


def test_phases_are_shared_out_by_what_is_printed() -> None:
    printed = (
        "Elapsed Time: 0.3 seconds (Warm-up)\n  0.1 seconds (Sampling)\n  0.4 seconds (Total)\n"
        "Elapsed Time: 0.5 seconds (Warm-up)\n  1e-1 seconds (Sampling)\n"
    )
    assert warmup_share(printed, 0.5) == pytest.approx(0.8)
    assert warmup_share("0.000 seconds (Warm-up)", 0.25) == 0.25
