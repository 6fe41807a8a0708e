from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensor, FakeTensorMode
from torch.func import grad, grad_and_value, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from models.distributions import check_arguments, check_value, make
from models.errors import DefinitionError
from models.supports import support_name, transform_to
from tests.models.distribution_cases import CASES, CPU, Case

DTYPES = [torch.float64, torch.float32]
ENUMERABLE = {"Bernoulli", "Binomial", "BetaBinomial", "Categorical", "OrderedLogistic"}
#: No gradient in the parameters exists, or there are none.
UNGRADED = {"MixtureSameFamily", "ImproperUniform", "Delta"}
each_case = pytest.mark.parametrize("case", CASES, ids=str)
graded = pytest.mark.parametrize("case", [c for c in CASES if c.name not in UNGRADED], ids=str)


@each_case
def test_log_prob_agrees_with_an_independent_library(case: Case) -> None:
    value = np.array(case.value)
    got = case.build(torch.float64).log_prob(case.at(torch.float64))
    np.testing.assert_allclose(got.numpy(), case.oracle(value), rtol=1e-10, atol=1e-10)


@each_case
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_literals_compute_in_the_dtype_asked_for(case: Case, dtype: torch.dtype) -> None:
    fn = case.build(dtype)
    assert fn.log_prob(case.at(dtype)).dtype == dtype
    if case.name != "ImproperUniform":
        sample = fn.sample()
        assert sample.dtype in (dtype, torch.int64)
        assert sample.shape == fn.batch_shape + fn.event_shape


@each_case
def test_float32_agrees_with_float64(case: Case) -> None:
    wide = case.build(torch.float64).log_prob(case.at(torch.float64))
    narrow = case.build(torch.float32).log_prob(case.at(torch.float32))
    torch.testing.assert_close(narrow.double(), wide, rtol=2e-5, atol=2e-5)


@each_case
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_integer_tensors_become_the_dtype(case: Case, dtype: torch.dtype) -> None:
    whole = {
        name: torch.tensor(value)
        for name, value in case.real().items()
        if all(float(v).is_integer() for v in np.ravel(value))
    }
    fn = case.build(dtype, **whole)
    assert fn.log_prob(case.at(dtype)).dtype == dtype


@each_case
def test_discrete_values_may_be_integers(case: Case) -> None:
    fn = case.build(torch.float64)
    if not fn.support.is_discrete:
        pytest.skip("continuous")
    value = case.at(torch.float64)
    whole = fn.log_prob(value.long())
    assert whole.dtype == torch.float64
    torch.testing.assert_close(whole, fn.log_prob(value), rtol=1e-14, atol=1e-14)


def _jittered(case: Case, count: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """`count` copies of the parameters and the value, each moved a little inside its range."""
    moved = 1 + 0.02 * torch.arange(count, dtype=torch.float64)
    parameters = {}
    for name, literal in case.real().items():
        tensor = torch.tensor(literal, dtype=torch.float64)
        scale = moved.reshape(-1, *(1 for _ in tensor.shape))
        simplex = name == "probs" and tensor.dim() == 1
        parameters[name] = tensor.expand(count, *tensor.shape) * (1 if simplex else scale)
    value = case.at(torch.float64)
    return parameters, value.expand(count, *value.shape)


@graded
def test_gradients_agree_under_vmap_and_in_a_loop(case: Case) -> None:
    parameters, value = _jittered(case, 3)
    continuous = not case.build(torch.float64).support.is_discrete

    def log_prob(params: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return case.build(torch.float64, **params).log_prob(x).sum()

    wanted = (0, 1) if continuous else 0
    batched = vmap(grad_and_value(log_prob, argnums=wanted))
    traced = make_fx(batched)(parameters, value)
    for gradients, values in (batched(parameters, value), traced(parameters, value)):
        for i in range(3):
            one = {name: tensor[i] for name, tensor in parameters.items()}
            expected = grad(log_prob, argnums=wanted)(one, value[i])
            torch.testing.assert_close(
                torch.utils._pytree.tree_map(lambda g, i=i: g[i], gradients),
                expected,
                rtol=1e-10,
                atol=1e-10,
            )
            torch.testing.assert_close(values[i], log_prob(one, value[i]), rtol=1e-12, atol=1e-12)


@graded
def test_gradients_agree_with_finite_differences(case: Case) -> None:
    for name, literal in case.real().items():
        at = torch.tensor(literal, dtype=torch.float64)
        if at.dim() == 2 or (name == "probs" and at.dim() == 1):
            continue  # a change of one entry alone leaves the argument's range
        if case.name == "Uniform":
            continue  # the observed values lie on the bounds

        def log_prob(x: torch.Tensor, name: str = name) -> torch.Tensor:
            fn = case.build(torch.float64, **{name: x})
            return fn.log_prob(case.at(torch.float64)).sum()

        step = 1e-5
        ways = torch.eye(at.numel(), dtype=torch.float64).reshape(-1, *at.shape) * step
        numeric = torch.stack([(log_prob(at + w) - log_prob(at - w)) / (2 * step) for w in ways])
        torch.testing.assert_close(
            grad(log_prob)(at).reshape(-1), numeric.reshape(-1), rtol=1e-6, atol=1e-6
        )


@graded
def test_the_hessian_exists_under_vmap(case: Case) -> None:
    parameters, value = _jittered(case, 2)
    name = next(iter(parameters))

    def log_prob(x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        return case.build(torch.float64, **{name: x}).log_prob(at).sum()

    result = vmap(jacrev(grad(log_prob)))(parameters[name], value)
    assert torch.isfinite(result).all()


@each_case
def test_samples_lie_in_the_support(case: Case) -> None:
    if case.name == "ImproperUniform":
        pytest.skip("cannot be sampled")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        sample = case.build(torch.float64).sample((200,))
    fn = case.build(torch.float64).expand((200, *case.build(torch.float64).batch_shape))
    assert check_value(fn, sample) is None
    assert torch.isfinite(fn.log_prob(sample)).all()


@graded
def test_samples_follow_the_log_density(case: Case) -> None:
    """The expected score is 0 in every parameter that does not move the support."""
    moving = {"low", "high", *(("scale",) if case.name == "Pareto" else ())}
    params = {
        name: torch.tensor(value, dtype=torch.float64)
        for name, value in case.real().items()
        if name not in moving
    }
    if not params:
        pytest.skip("every parameter moves the support")
    draws = 20_000
    with torch.random.fork_rng():
        torch.manual_seed(11)
        sample = case.build(torch.float64).sample((draws,))

    def log_prob(parameters: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return case.build(torch.float64, **parameters).log_prob(x).sum()

    for name, scores in vmap(grad(log_prob), in_dims=(None, 0))(params, sample).items():
        error = scores.std(0) / draws**0.5
        assert (scores.mean(0).abs() <= 4.5 * error + 1e-9).all(), name


@each_case
def test_expanding_changes_nothing_but_the_shape(case: Case) -> None:
    value = case.at(torch.float64)
    fn = case.build(torch.float64)
    rows = fn.log_prob(value)
    batch = torch.broadcast_shapes(rows.shape, fn.batch_shape)
    expanded = fn.expand((2, *batch))
    assert expanded.batch_shape == (2, *batch)
    torch.testing.assert_close(expanded.log_prob(value), rows.expand(2, *batch))
    assert check_value(expanded, value) is None


@each_case
def test_only_the_finite_discrete_ones_list_their_values(case: Case) -> None:
    fn = case.build(torch.float64)
    assert fn.has_enumerate_support == (case.name in ENUMERABLE)
    if fn.has_enumerate_support:
        listed = fn.expand((3,)).enumerate_support(expand=False)
        assert listed.shape[1:] == (1,)
        assert torch.exp(fn.log_prob(listed.reshape(-1))).sum().item() == pytest.approx(1)


@pytest.mark.parametrize("name", ["Binomial", "BetaBinomial"])
def test_counts_that_are_arrays_cannot_be_listed(name: str) -> None:
    case = next(c for c in CASES if c.name == name)
    fn = case.build(torch.float64, total_count=torch.tensor([3, 4]))
    assert not fn.has_enumerate_support
    with pytest.raises(NotImplementedError, match="one integer"):
        fn.enumerate_support()


@each_case
def test_the_cases_pass_their_own_checks(case: Case) -> None:
    fn = case.build(torch.float64)
    assert check_arguments(case.name, fn) == []
    assert check_value(fn, case.at(torch.float64)) is None


def test_nothing_validates_and_the_global_default_is_left_alone() -> None:
    before = torch.distributions.Distribution._validate_args
    fn = make("Normal", [0, -1], {}, dtype=torch.float64, device=CPU)
    assert fn._validate_args is False
    assert fn.expand((3,))._validate_args is False
    assert fn.expand((3,)).to_event(1)._validate_args is False
    assert torch.distributions.Distribution._validate_args is before


def test_a_misspelt_distribution_gets_the_nearest_name() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'Normal'"):
        make("Nrmal", [0, 1], {}, dtype=torch.float64, device=CPU)
    with pytest.raises(DefinitionError, match="did you mean 'InverseGamma'"):
        make("inversegamma", [0, 1], {}, dtype=torch.float64, device=CPU)


def test_a_support_may_be_named() -> None:
    fn = make("ImproperUniform", ["interval(0, 2)"], {}, dtype=torch.float64, device=CPU)
    assert support_name(fn.support) == "interval(0, 2)"


@each_case
def test_fake_tensors_flow_through(case: Case) -> None:
    """Sizes are estimated before anything is allocated, and no value is ever read."""
    with FakeTensorMode():
        value = torch.empty(np.shape(case.value), dtype=torch.float64)
        fn = case.build(torch.float64)
        assert isinstance(fn.log_prob(value), FakeTensor)
        if not fn.support.is_discrete:
            transform = transform_to(fn.support)
            z = torch.empty(transform.inverse_shape(value.shape), dtype=torch.float64)
            assert transform.log_abs_det_jacobian(z, transform(z)).dtype == torch.float64


@pytest.mark.parametrize(
    ("name", "arguments", "support"),
    [
        ("Uniform", (0, 2.5), "interval(0, 2.5)"),
        ("TruncatedNormal", (0, 1, -1, 1), "interval(-1, 1)"),
        ("TruncatedNormal", (0, 1, 3), "greater_than_eq(3)"),
        ("TruncatedNormal", (0, 1, None, 3), "less_than(3)"),
        ("Pareto", (2, 1), "greater_than_eq(2)"),
    ],
)
def test_literal_bounds_are_known_without_values(
    name: str, arguments: tuple[Any, ...], support: str
) -> None:
    with FakeTensorMode():
        fn = make(name, arguments, {}, dtype=torch.float64, device=CPU)
        assert support_name(fn.expand((3,)).support) == support
