"""The rules of sites hold whatever language calls the primitives."""

import pyro
import pytest
import torch

from models.context import StaticInt
from models.errors import DefinitionError, ShapeError
from models.primitives import Primitives, check_name
from models.trace import fenced
from tests.models.running import context


@pytest.mark.parametrize("name", ["exp", "draw", "chain", "", "1a", "a.b", "a" * 65, "é", 3, None])
def test_names(name: object) -> None:
    with pytest.raises(DefinitionError):
        check_name(name)


def test_a_name_is_used_once_by_whatever_site() -> None:
    with fenced():
        primitives = Primitives(context())
        primitives.plate("a", 3)
        with pytest.raises(DefinitionError, match="used twice"):
            primitives.deterministic("a", 1)
        primitives.deterministic("b", 1)
        with pytest.raises(DefinitionError, match="used twice"):
            primitives.factor("b", 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_arguments_are_in_the_runs_dtype(dtype: torch.dtype) -> None:
    where = context(dtype)
    fn = Primitives(where).distribution("Normal", (0, StaticInt(2, frozenset("n"))), {})
    assert fn.sample().dtype == dtype
    assert where.static_names == set()


def test_counts_and_sizes_are_static() -> None:
    where = context()
    n, k = StaticInt(2, frozenset("n")), StaticInt(3, frozenset("k"))
    Primitives(where).distribution("Binomial", (n, 0.5), {})
    fn = Primitives(where).distribution("LKJCholesky", (), {"dim": k, "concentration": 1})
    assert fn.event_shape == (3, 3)
    assert where.static_names == {"n", "k"}


def test_an_observed_array_has_the_shape_of_its_distribution() -> None:
    with fenced(), pyro.poutine.trace():
        primitives = Primitives(context())
        fn = primitives.distribution("Normal", (torch.zeros(3), 1), {})
        assert primitives.sample("a", fn, (1, 2, 3)).tolist() == [1, 2, 3]
        assert primitives.sample("b", fn, torch.ones(2, 3)).shape == (2, 3)
        for wrong in (1.0, (1, 2), torch.ones(3, 2)):
            with pytest.raises(ShapeError, match="make them equal"):
                Primitives(context()).sample("c", fn, wrong)


def test_without_a_start_a_parameter_starts_at_nan() -> None:
    with fenced():
        pyro.clear_param_store()
        assert Primitives(context()).param("a", shape=(2, 3)).isnan().all()
        pyro.clear_param_store()
