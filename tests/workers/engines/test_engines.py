"""The registry, and what every engine in it owes: a newcomer is tested by being there."""

import json

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from tests.models.stan.programs import built
from tests.workers.densities import regression
from tests.workers.engines.runs import finished
from workers.engines import ENGINES, AnyEngineOptions, build_engine, options_type
from workers.results import Outcome

ADAPTER = TypeAdapter(AnyEngineOptions)
#: Small runs of the kinds whose defaults are long.
SMALL = {
    "nuts": {"chains": 2, "warmup": 30, "draws": 10},
    "hmc": {"chains": 2, "warmup": 30, "draws": 10, "trajectory_length": 0.3},
    "chees": {"chains": 8, "warmup": 30, "draws": 10},
    "vi": {"steps": 200, "draws": 50},
    "stan": {"chains": 2, "warmup": 50, "draws": 150},
}


def posterior(kind: str):
    if kind == "stan":
        # It runs Stan programs alone.
        return built("parameters { vector[2] beta; } model { beta ~ normal([1, -2]', 0.2); }")
    generator = torch.Generator().manual_seed(2)
    design = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    noise = torch.randn(30, generator=generator, dtype=torch.float64)
    y = design @ torch.tensor([1.0, -2.0], dtype=torch.float64) + noise
    return regression(design, y, prior_scale=5.0)


def test_the_samplers_are_found() -> None:
    assert {"chees", "hmc", "nuts"} <= set(ENGINES)


@pytest.mark.parametrize("kind", sorted(ENGINES))
def test_options_have_defaults_a_schema_with_an_example_and_their_kind(kind: str) -> None:
    options = ADAPTER.validate_python({"kind": kind})
    engine = build_engine(options)
    assert type(engine) is ENGINES[kind]
    assert engine.kind == options.kind == kind
    schema = options_type(ENGINES[kind]).model_json_schema()
    json.dumps(schema)
    assert [ADAPTER.validate_python(example).kind for example in schema["examples"]] == [kind]
    assert ADAPTER.validate_python(options.model_dump(mode="json")) == options


@pytest.mark.parametrize("kind", sorted(ENGINES))
def test_an_unknown_option_is_an_error_with_its_path(kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python({"kind": kind, "no_such_option": 1})
    assert caught.value.errors()[0]["loc"] == (kind, "no_such_option")


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValidationError, match="union_tag_invalid"):
        ADAPTER.validate_python({"kind": "magic"})


@pytest.mark.parametrize("kind", sorted(ENGINES))
def test_the_same_seed_gives_the_same_findings_bit_for_bit(kind: str) -> None:
    options = ADAPTER.validate_python({"kind": kind, **SMALL.get(kind, {})})
    first, again = (finished(options, posterior(kind), seed=5) for _ in range(2))
    assert first.findings.model_dump_json() == again.findings.model_dump_json()
    for name in first.draws.names():
        assert (first.draws.values(name) == again.draws.values(name)).all()
    json.dumps(first.findings.model_dump(mode="json"), allow_nan=False)
    assert first.findings.message
    assert first.findings.outcome not in (Outcome.STOPPED, Outcome.NON_FINITE)


@pytest.mark.parametrize("kind", sorted(ENGINES))
def test_progress_reaches_its_end(kind: str) -> None:
    options = ADAPTER.validate_python({"kind": kind, **SMALL.get(kind, {})})
    events = [p for k, p in finished(options, posterior(kind)).sink.events if k == "progress"]
    assert events[-1]["done"] <= events[-1]["total"]
    assert events[-1]["phase"] in ("optimize", "fit", "sample", "draw")


@pytest.mark.parametrize("kind", sorted(set(ENGINES) - {"stan"}))
def test_what_a_run_would_hold_grows_with_the_model(kind: str) -> None:
    options = ADAPTER.validate_python({"kind": kind, **SMALL.get(kind, {})})
    small, large = (options.memory(dim, point) for dim, point in ((10, 1000), (100, 10_000)))
    assert set(small) == set(large) != set()
    for path in small:
        assert path.startswith("engine.")
        assert path.removeprefix("engine.") in type(options).model_fields
        assert 0 < small[path] < large[path]
