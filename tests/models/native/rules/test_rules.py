"""Every rule against torch, on ordinary points and on numbers that are not finite."""

import operator
import pkgutil
from collections.abc import Mapping

import pytest
import torch

from models.native import rules as package
from models.native.rules import rules
from tests.models.native.rules import TOPICS, cases
from tests.models.native.trials import DTYPES, Compiled, check, ordinary, special

_ATEN = torch.ops.aten
#: Torch gives half of a factor where there is none, we NaN.
UNDEFINED = {"triangles: cholesky", "triangles: cholesky of a batch"}
#: Other names of what is tested: recording writes these in no case that we know.
ALIASES = {
    _ATEN.alias.default,
    _ATEN.detach.default,
    _ATEN.square.default,
    _ATEN.special_ndtr.default,
    _ATEN.contiguous.default,
    _ATEN.lift_fresh_copy.default,
    _ATEN.add.Scalar,
    _ATEN.sub.Scalar,
    _ATEN.mul.Scalar,
    _ATEN.div.Scalar,
    _ATEN.rsub.Tensor,
    _ATEN.vdot.default,
    _ATEN.clamp_min.Tensor,
    _ATEN.clamp_max.Tensor,
    operator.getitem,
}
ALL = [(dtype, name) for dtype in DTYPES for name in cases(dtype)]
# Torch warns where it divides by nothing.
pytestmark = pytest.mark.filterwarnings("ignore:var:UserWarning")
each = pytest.mark.parametrize(("dtype", "name"), ALL, ids=lambda part: str(part))


def test_every_module_of_rules_has_cases() -> None:
    assert {info.name for info in pkgutil.iter_modules(package.__path__)} == set(TOPICS)


def test_every_rule_has_a_case(rules_compiled: Mapping[torch.dtype, Compiled]) -> None:
    tried = set().union(*(unit.operations for unit in rules_compiled.values()))
    assert rules().keys() - tried - ALIASES == set()


@each
def test_values_and_gradients_are_torchs(
    rules_compiled: Mapping[torch.dtype, Compiled], dtype: torch.dtype, name: str
) -> None:
    one = cases(dtype)[name]
    check(rules_compiled[dtype], name, one, ordinary(dtype, size=one.size))
    rows = special(dtype, one.size)
    if name.startswith("softmax: "):
        # Where a sum of exponentials is infinite its gradient is NaN, if not at the same places.
        rows = rows[(rows < 1e30).all(1)]
    if name not in UNDEFINED:
        check(rules_compiled[dtype], name, one, rows)


@each
def test_a_lane_does_not_know_its_neighbours(
    rules_compiled: Mapping[torch.dtype, Compiled], dtype: torch.dtype, name: str
) -> None:
    """The same point gives the same bits in every lane, beside whatever other points."""
    compiled, size = rules_compiled[dtype], cases(dtype)[name].size
    point = ordinary(dtype, 1, size)
    alone = compiled(name, point.expand(compiled.lanes, -1))
    mixed = special(dtype, size)[: compiled.lanes].clone()
    mixed[1::2] = point
    among = compiled(name, mixed)
    for same, other in zip(alone, among, strict=True):
        assert torch.equal(same, same[:1].expand_as(same)) or bool(same.isnan().any())
        torch.testing.assert_close(other[1::2], same[1::2], rtol=0, atol=0, equal_nan=True)


def test_a_matrix_without_a_factor_has_none_at_all(
    rules_compiled: Mapping[torch.dtype, Compiled],
) -> None:
    point = torch.zeros(1, 9, dtype=torch.float64)
    point[0, 0] = torch.inf
    factor, _ = rules_compiled[torch.float64]("triangles: cholesky", point)
    assert factor[0].tril().isnan().sum() == 6
