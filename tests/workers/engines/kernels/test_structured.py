"""The guide by plate on hierarchies whose posterior is known."""

import math
from typing import Any

import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.density import Parameter
from tests.benchmarks.basket import ROWS
from tests.workers.densities import GaussianDensity
from tests.workers.engines.runs import finished
from workers.engines.kernels.frame import Frame
from workers.engines.kernels.guides import build_guide
from workers.engines.vi import ViOptions


def hierarchy(groups: int) -> GaussianDensity:
    """mu and `groups` normal effects about it: the precision is an arrow, the evidence 1."""
    precision = torch.diag(torch.cat([torch.tensor([0.5 + groups]), torch.full((groups,), 3.0)]))
    precision[0, 1:] = precision[1:, 0] = -1.0
    density = GaussianDensity(
        torch.linspace(-1.0, 1.0, groups + 1).double(), torch.linalg.inv(precision.double())
    )
    density.parameters = (
        Parameter("mu", (), "real", 1, 0),
        Parameter("x", (groups,), "real", groups, 1, ("group",)),
    )
    return density


def test_it_reaches_the_evidence_of_a_normal_hierarchy() -> None:
    density = hierarchy(12)
    options = ViOptions(guide="structured", estimator="sticking_the_landing", steps=600)
    found = finished(options, density).findings
    assert found.elbo is not None
    assert found.elbo.final is not None
    assert abs(found.elbo.final) < 0.01
    # Independent normals are far from it: Bishop (2006), 10.1.2.
    logs = torch.logdet(density.covariance) + density.precision.diagonal().log().sum()
    assert -0.5 * float(logs) < -0.15
    assert found.summary is not None
    exact = math.sqrt(float(density.covariance[0, 0]))
    assert abs(found.summary["mu"].sd / exact - 1) < 0.02 + 4 / math.sqrt(2 * 1000)
    assert found.elbo.pareto_k is not None
    assert found.elbo.pareto_k < 0.5


def test_its_parameters_grow_with_the_elements_not_with_their_square() -> None:
    def size(name: str, groups: int) -> int:
        density = hierarchy(groups)
        guide = build_guide(name, density.parameters)  # type: ignore[arg-type]
        root = torch.ones(groups + 1)
        frame = Frame(root, torch.diag(root) if guide.dense else root)
        return sum(p.numel() for p in guide.start(frame))

    assert size("structured", 200) - size("structured", 100) == 100 * 4
    assert size("full_rank", 200) > 3.9 * size("full_rank", 100)


@pytest.mark.slow
def test_scales_of_a_hierarchy_are_nearer_a_samplers_than_independent_normals_make_them() -> None:
    row = ROWS["hierarchy"]
    density = compile_model(parse_definition(row.definition()), load_data(row.data()))
    # Standard deviations of 12 800 draws of `chees`.
    sampled = {"mu_a": 0.061, "mu_b": 0.055, "tau_a": 0.050, "tau_b": 0.047}

    def off(**options: Any) -> dict[str, float]:
        summary = finished(ViOptions(steps=400, **options), density).findings.summary
        assert summary is not None
        return {name: math.log(sampled[name] / summary[name].sd) for name in sampled}

    near, far = off(guide="structured"), off()
    # Means of the groups' effects: all but right, where independent normals give less than half.
    assert max(abs(near[name]) for name in ("mu_a", "mu_b")) < 0.2
    assert min(far[name] for name in ("mu_a", "mu_b")) > 0.7
    assert all(abs(near[name]) < 0.7 * far[name] for name in sampled)
