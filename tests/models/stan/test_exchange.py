"""Native code that asks a Stan program's process: the same bits, and its end with its reason."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from models.data import load_data
from models.errors import DefinitionError, TooLargeError
from models.native.values import UnsupportedError
from models.precision import precision
from models.stan import exchange
from models.stan.compile import compile_stan
from models.stan.density import StanDensity
from models.stan.exchange import ExchangeProgram
from models.toolchain import default_cache, find_compiler
from tests.models.stan.programs import built
from workers.engines.native.runtime import Runtime, load_runtime

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")

SOURCE = """
data { int N; vector[N] x; }
parameters { vector[3] a; real<lower=0> s; }
model { x ~ normal(a[1] + a[2] * x, s); a ~ normal(0, 2); if (a[3] > 3) reject("too far"); }
"""
DATA = {"N": 4, "x": [0.5, -1.0, 2.0, 0.3]}


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return load_runtime(default_cache())


def compiled(density: StanDensity) -> StanDensity:
    density.compile(default_cache())
    assert density.tier == "compiled"
    return density


@pytest.mark.parametrize("name", ["float64", "float32"])
@pytest.mark.parametrize("count", [1, 3, 8, 50])
def test_native_code_sees_the_same_bits(runtime: Runtime, name: str, count: int) -> None:
    density = compiled(compile_stan(SOURCE, load_data(DATA), precision(name)))
    z = 2 * torch.randn(count, 4, generator=torch.Generator().manual_seed(count)).to(density.dtype)
    z[0, 2] = 4.0
    value, gradient = density.value_and_grad(z)
    assert density.handle is not None
    found, slope = runtime.evaluate(density.handle, z)
    assert found[0] == -torch.inf
    assert (found == value).all()
    assert (slope == gradient).all()


def test_several_threads_may_ask(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    density = compiled(built(SOURCE, DATA))
    assert density.handle is not None
    assert density.handle.threads == 3
    z = torch.randn(200, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    value, gradient = density.value_and_grad(z)
    for _ in range(20):
        found, slope = runtime.evaluate(density.handle, z, threads=3)
        assert (found == value).all()
        assert (slope == gradient).all()


def test_one_asker_is_answered_by_all_threads(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    density = compiled(built(SOURCE, DATA))
    handle = density.handle
    assert handle is not None
    exchange, memory = handle.owner
    begun = exchange._library.credence_exchange_begun()

    def answered() -> list[int]:
        starts = [slot * exchange.stride + begun for slot in range(3)]
        return [int(memory[at : at + 8].view(np.int64)[0]) for at in starts]

    z = torch.randn(8, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for count, shares in ((1, [1, 0, 0]), (2, [1, 1, 0]), (4, [1, 1, 2]), (8, [2, 3, 3])):
        before = answered()
        value, gradient = density.value_and_grad(z[:count])
        found, slope = runtime.evaluate(handle, z[:count])
        assert (found == value).all()
        assert (slope == gradient).all()
        assert [now - then for now, then in zip(answered(), before, strict=True)] == shares


def test_a_process_that_started_before_the_code_was_there_gets_another(tmp_path: Path) -> None:
    density = built(SOURCE, DATA)
    density.process.means = dataclasses.replace(density.process.means, code=tmp_path)
    first = density.process.pid
    compiled(density)
    assert density.process.pid == first
    runtime = load_runtime(default_cache())
    assert density.handle is not None
    z = torch.zeros(2, 4, dtype=torch.float64)
    assert (runtime.evaluate(density.handle, z)[0] == density.value(z)).all()


def test_a_crash_is_told_at_the_next_look(runtime: Runtime) -> None:
    density = compiled(built(SOURCE, DATA))
    handle = density.handle
    assert handle is not None
    os.kill(density.process.pid, signal.SIGSEGV)
    found, _ = runtime.evaluate(handle, torch.zeros(2, 4, dtype=torch.float64))
    assert found.isnan().all()
    with pytest.raises(DefinitionError, match="SIGSEGV"):
        _ = density.handle


def test_one_evaluation_may_not_take_for_ever_there_either(runtime: Runtime) -> None:
    source = (
        "parameters { real a; } model { real x = a; while (x > 3) x += 1e-9; a ~ normal(0, 1); }"
    )
    density = compiled(built(source, seconds=0.5))
    handle = density.handle
    assert handle is not None
    began = time.perf_counter()
    found, _ = runtime.evaluate(handle, torch.full((1, 1), 9.0, dtype=torch.float64))
    assert found.isnan().all()
    assert time.perf_counter() - began < 60
    with pytest.raises(TooLargeError, match=r"longer than 0\.5 s"):
        _ = density.handle


def test_it_sleeps_while_nobody_asks(runtime: Runtime) -> None:
    density = compiled(built(SOURCE, DATA))
    assert density.handle is not None
    runtime.evaluate(density.handle, torch.zeros(1, 4, dtype=torch.float64))

    def used() -> int:
        fields = Path(f"/proc/{density.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = used()
    time.sleep(1.0)
    # In hundredths of a second.
    assert used() - before <= 5


def test_a_leapfrog_costs_microseconds(runtime: Runtime) -> None:
    density = compiled(built("parameters { real a; } model { a ~ normal(0, 1); }"))
    handle, z = density.handle, torch.zeros(8, 1, dtype=torch.float64)
    assert handle is not None
    times = []
    for _ in range(300):
        began = time.perf_counter()
        runtime.evaluate(handle, z)
        times.append(time.perf_counter() - began)
    # 10 us on an idle machine, most of it Python's; this bound is for one that is not.
    assert np.min(times) < 150e-6


def test_elsewhere_than_on_linux_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.sys, "platform", "darwin")
    with pytest.raises(UnsupportedError, match="exchange"):
        ExchangeProgram()
