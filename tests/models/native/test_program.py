"""What a program promises: one artefact for all data of the same shapes, and bits that stay."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models import toolchain
from models.cache import Cache
from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.density import Target
from models.native.program import bound
from models.native.source import Source
from models.native.values import Known, Recipe, UnsupportedError
from models.toolchain import ToolchainError
from models.traced import TracedDensity
from tests.models.native.test_models import points
from tests.models.running import EIGHT, body

SCHOOLS = body(
    'mu = pyro.sample("mu", dist.Normal(0., 5.))',
    'tau = pyro.sample("tau", dist.HalfCauchy(5.))',
    'with pyro.plate("school", len(y)):',
    '    eta = pyro.sample("eta", dist.Normal(0., 1.))',
    '    theta = pyro.deterministic("theta", mu + tau * eta)',
    '    pyro.sample("y", dist.Normal(theta, sigma), obs=y)',
    arguments="y, sigma",
)
GROUPS = body(
    'with pyro.plate("group", groups):',
    '    a = pyro.sample("a", dist.Normal(0., 1.))',
    'with pyro.plate("row", len(y)):',
    '    pyro.sample("y", dist.Normal(a[group], 1.), obs=y)',
    arguments="y, group, groups",
)
INVERSE = body(
    's = pyro.sample("s", dist.Normal(torch.zeros(2, 2), 1.).to_event(2))',
    "d = s + 3. * torch.eye(2)",
    'pyro.factor("f", torch.inverse(d).sum())',
    arguments="",
)
DATA = {name: [float(number) for number in numbers] for name, numbers in EIGHT.items()}
OTHER = {
    "y": [1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, 0.5],
    "sigma": [float(n + 1) for n in range(8)],
}


def density(source: str, data: dict[str, Any], cache: Cache | None = None) -> TracedDensity:
    definition = parse_definition({"language": "pyro", "source": source})
    return compile_model(definition, load_data(data), cache=cache)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the compiler is asked for."""
    asked: list[str] = []
    compile_text = toolchain._compile

    def counted(command: Any, source: str, *rest: Any) -> None:
        asked.append(source)
        compile_text(command, source, *rest)

    monkeypatch.setattr(toolchain, "_compile", counted)
    return asked


def test_one_artefact_serves_other_data_of_the_same_shapes(
    native_cache: Path, compilations: list[str], tmp_path: Path
) -> None:
    first, second = density(SCHOOLS, DATA), density(SCHOOLS, OTHER)
    assert first.native_program().text == second.native_program().text
    wanted = second.value_and_grad(points(second))
    for model in (first, second):
        model.compile(tmp_path)
    assert len(compilations) == 1
    torch.testing.assert_close(second.value_and_grad(points(second)), wanted, rtol=1e-12, atol=0)


def test_one_program_serves_them_too_within_a_process(
    compilations: list[str], tmp_path: Path
) -> None:
    cache = Cache()
    first, second = density(SCHOOLS, DATA, cache), density(SCHOOLS, OTHER, cache)
    wanted = [model.value_and_grad(points(model)) for model in (first, second)]
    for model in (first, second):
        model.compile(tmp_path)
    assert first.native_program() is second.native_program()
    assert len(compilations) == 1
    for model, value in zip((first, second), wanted, strict=True):
        torch.testing.assert_close(model.value_and_grad(points(model)), value, rtol=1e-12, atol=0)


def test_numbers_of_the_data_are_not_in_the_text() -> None:
    odd = {"y": [0.123456789] * 8, "sigma": [9.87654321] * 8}
    text = density(SCHOOLS, odd).native_program().text
    assert "0.123456789" not in text
    assert "9.87654321" not in text
    assert text == density(SCHOOLS, DATA).native_program().text


def test_what_is_ready_is_known(tmp_path: Path, native_cache: Path) -> None:
    program = density(SCHOOLS, DATA).native_program()
    assert not program.ready(tmp_path)
    program.build(native_cache)
    assert program.built
    assert density(SCHOOLS, DATA).native_program().ready(native_cache)


def test_the_tier_and_its_handle(native_cache: Path) -> None:
    model = density(SCHOOLS, DATA)
    assert (model.tier, model.handle) == ("interpreted", None)
    model.compile(native_cache)
    handle = model.handle
    assert model.tier == "compiled"
    assert handle is not None
    assert (handle.dim, handle.lanes, handle.dtype) == (10, 8, torch.float64)
    model.compile(native_cache, Target.JOINT)
    assert model.handle is None


def test_a_bad_point_leaves_its_neighbours_alone(native_cache: Path) -> None:
    model = density(SCHOOLS, DATA)
    model.compile(native_cache)
    z = points(model, 24)
    value, gradient = model.value_and_grad(z)
    spoilt = z.clone()
    bad = torch.arange(0, 24, 3)
    spoilt[bad] = (
        torch.tensor([torch.nan, torch.inf, -torch.inf, 1e300]).repeat(2)[:, None].double()
    )
    after, slope = model.value_and_grad(spoilt)
    good = torch.ones(24, dtype=torch.bool)
    good[bad] = False
    assert torch.equal(after[good], value[good])
    assert torch.equal(slope[good], gradient[good])
    assert not after[bad].isfinite().all()


def test_a_point_has_the_same_bits_in_every_lane_and_block(native_cache: Path) -> None:
    model = density(SCHOOLS, DATA)
    model.compile(native_cache)
    z = points(model, 1)
    value, gradient = model.value_and_grad(z.expand(21, -1))
    alone, slope = model.value_and_grad(z)
    assert torch.equal(value, alone.expand(21))
    assert torch.equal(gradient, slope.expand(21, -1))


def test_threads_may_share_a_density(native_cache: Path) -> None:
    model = density(SCHOOLS, DATA)
    model.compile(native_cache)
    points_of = [points(model, 400) + n for n in range(2)]
    wanted = [model.value_and_grad(z) for z in points_of]

    def run(z: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [model.value_and_grad(z) for _ in range(200)]

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, points_of))
    for (value, gradient), found in zip(wanted, results, strict=True):
        assert all(torch.equal(v, value) and torch.equal(g, gradient) for v, g in found)


def test_indices_out_of_range_are_refused_before_any_code_runs(native_cache: Path) -> None:
    data = {"y": [0.0, 1.0, 2.0], "group": [0, 1, 1], "groups": 2}
    model = density(GROUPS, data)
    program = model.native_program()
    program.build(native_cache)
    for bad in ([0, 1, 2], [0, -3, 0]):
        moved = [torch.tensor(bad) if not a.is_floating_point() else a for a in model._arguments]
        with pytest.raises(IndexError, match="out of range of 2"):
            program.bind(moved)


@pytest.mark.parametrize("strides", [(4, 1), (1, 3), (1, 0), (0, 1)])
def test_arrays_are_laid_out_as_the_code_expects(strides: tuple[int, int]) -> None:
    numbers = torch.arange(12.0).reshape(3, 4)
    once = tuple(slice(0, 1) if step == 0 else slice(None) for step in strides)
    numbers = numbers[once].expand(3, 4)
    known = Known(0, torch.empty_strided((3, 4), strides), None, Recipe("data_0"))
    (array,) = bound(Source("", (known,), (0,), (), 0), [[numbers.contiguous()]])
    assert array.stride() == strides
    assert torch.equal(array, numbers)


def test_an_operation_without_a_rule_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"aten\.linalg_inv"):
        density(INVERSE, {}).compile(tmp_path)


def test_other_devices_are_not_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model = density(SCHOOLS, DATA)
    monkeypatch.setattr(model, "device", torch.device("meta"))
    with pytest.raises(UnsupportedError, match="and not for meta"):
        model.native_program()


def test_without_a_compiler_the_model_stays_interpreted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "find_compiler", lambda: None)
    model = density(SCHOOLS, DATA)
    with pytest.raises(ToolchainError, match="no C\\+\\+ compiler"):
        model.compile(tmp_path)
    assert model.tier == "interpreted"
    assert model.value_and_grad(points(model))[0].isfinite().all()


@pytest.mark.slow
def test_the_text_does_not_depend_on_the_order_of_sets() -> None:
    script = (
        "import hashlib\n"
        "from tests.models.native.test_models import TEXTS, density\n"
        "for name in ('discrete latents', 'correlations'):\n"
        "    source, data = TEXTS[name]\n"
        "    model = density({'language': 'pyro', 'source': source}, data, 'float32')\n"
        "    print(hashlib.sha256(model.native_program().text.encode()).hexdigest())\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    first, second = (process.communicate()[0].split() for process in running)
    assert len(first) == 2
    assert first == second
