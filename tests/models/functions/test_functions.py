"""Every function of the table keeps the run's dtype and runs under vmap, make_fx and on fakes."""

import ast
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from models.budget import operations
from models.context import Context, Value
from models.errors import DefinitionError
from models.expressions import Evaluator
from models.functions import FUNCTIONS, METHODS, SPELLINGS
from tests.models.running import context

#: A call of every function, with `x` a vector, `M` a positive definite matrix, `k` integers.
CALLS = {
    "where": "where(x > 0.4, x, 0)",
    "clamp": "clamp(x, 0.3, 2)",
    "minimum": "minimum(x, 1)",
    "maximum": "maximum(x, k)",
    "pow": "pow(x, 2)",
    "logaddexp": "logaddexp(x, k)",
    "atan2": "atan2(x, k)",
    "xlogy": "xlogy(x, k)",
    "cat": "cat([x, k])",
    "stack": "stack([x, k], -1)",
    "zeros": "zeros(3) + x",
    "ones": "ones(2, 3) + x",
    "zeros_like": "zeros_like(k) + x",
    "ones_like": "ones_like(k) + x",
    "full": "full((3,), 2) + x",
    "arange": "arange(3) * x",
    "linspace": "linspace(0, 1, 3) * x",
    "eye": "eye(3) @ x",
    "tensor": "tensor([1, 2.5, 3]) + x",
    "reshape": "reshape(M, 9)",
    "expand": "expand(x, 2, 3)",
    "expand_as": "expand_as(x, M)",
    "unsqueeze": "unsqueeze(x, -1)",
    "transpose": "transpose(M)",
    "permute": "permute(M, 1, 0)",
    "flip": "flip(x, 0)",
    "one_hot": "one_hot(k, 4) + x[0]",
    "matmul": "matmul(M, k)",
    "dot": "dot(x, k)",
    "outer": "outer(x, k)",
    "diag": "diag(x) + diag(M)",
    "diag_embed": "diag_embed(x)",
    "diagonal": "diagonal(M)",
    "cholesky": "cholesky(M)",
    "inverse": "inverse(M)",
    "solve": "solve(M, k)",
    "solve_triangular": "solve_triangular(M, k)",
    "cholesky_solve": "cholesky_solve(k[:, None], M)",
    "logdet": "logdet(M)",
    "tril": "tril(M)",
    "triu": "triu(M)",
    "len": "len(x) * x",
    "int": "int(3.7) * x",
    "argmax": "argmax(x) + x",
    "argmin": "argmin(x) + x",
    "erfinv": "erfinv(x / 3)",
    "logit": "logit(x / 3)",
    "asin": "asin(x / 3)",
    "acos": "acos(x / 3)",
}
#: Functions that return text.
TEXTS = {"str"}
#: Functions of integers whose value is an integer: counts, positions, and what keeps integers.
INTEGRAL = {
    "abs", "floor", "ceil", "round", "sign", "square", "relu", "sum", "prod", "max", "min", "amax",
    "amin", "cumsum", "cumprod", "sort", "flatten", "squeeze",
}  # fmt: skip
TESTED = [name for name in FUNCTIONS if name not in TEXTS]


def inputs(dtype: torch.dtype) -> dict[str, Value]:
    x = torch.tensor([0.5, 1.5, 0.25], dtype=dtype)
    matrix = torch.eye(3, dtype=dtype) * 2 + 0.1
    return {"x": x, "M": matrix, "k": torch.tensor([1, 2, 3])}


def evaluate(text: str, names: dict[str, Value], where: Context) -> Value:
    tree = ast.parse(text, mode="eval")
    return Evaluator(where, names, lambda node: "here", operations()).evaluate(tree.body)


def call(name: str) -> str:
    return CALLS.get(name, f"{name}(x)")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", TESTED)
def test_keeps_the_dtype(name: str, dtype: torch.dtype) -> None:
    value = evaluate(call(name), inputs(dtype), context(dtype))
    assert value.dtype == dtype
    assert torch.isfinite(value).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", [n for n in TESTED if n not in CALLS])
@pytest.mark.parametrize("argument", ["k", "k > 1", "[1, 2, 3]", "2"])
def test_functions_of_integers_take_the_runs_dtype(
    name: str, argument: str, dtype: torch.dtype
) -> None:
    if name in ("var", "std") and argument == "2":
        return
    value = evaluate(f"{name}({argument})", inputs(dtype), context(dtype))
    if isinstance(value, Tensor):
        assert value.dtype == (torch.int64 if name in INTEGRAL else dtype)
    else:
        assert isinstance(value, int)


@pytest.mark.parametrize("name", TESTED)
def test_runs_under_vmap_grad_and_tracing(name: str) -> None:
    start = inputs(torch.float64)

    def total(x: Tensor, matrix: Tensor) -> Tensor:
        names = start | {"x": x, "M": matrix}
        value: Tensor = evaluate(call(name), names, context()).sum()
        return value

    points = torch.stack([start["x"], start["x"] / 2])
    matrices = torch.stack([start["M"], start["M"] * 2])
    batched = torch.func.vmap(torch.func.grad(total, argnums=(0, 1)))
    gradients = batched(points, matrices)
    for row in range(2):
        single = torch.func.grad(total, argnums=(0, 1))(points[row], matrices[row])
        for together, alone in zip(gradients, single, strict=True):
            assert torch.allclose(together[row], alone, atol=1e-12)
    traced = make_fx(batched)(points, matrices)(points * 1.01, matrices)
    for replayed, direct in zip(traced, batched(points * 1.01, matrices), strict=True):
        assert torch.allclose(replayed, direct)


@pytest.mark.parametrize("name", TESTED)
def test_runs_on_fake_tensors(name: str) -> None:
    real = evaluate(call(name), inputs(torch.float64), context())
    with FakeTensorMode() as mode:
        fakes = {n: mode.from_tensor(t) for n, t in inputs(torch.float64).items()}
        fake = evaluate(call(name), fakes, context())
    assert fake.shape == real.shape
    assert fake.dtype == real.dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("log(4)", 1.3862943611198906),
        ("exp(k).sum()", 30.192874851),
        ("1 / 3 + 0 * k[0]", 1 / 3),
        ("k.float().std()", 1.0),
        ("k.var(unbiased=False)", 2 / 3),
        ("std(k, unbiased=False)", (2 / 3) ** 0.5),
        ("mean([1, 2, 4])", 7 / 3),
        ("torch.special.expit(k)[0]", 0.7310585786300049),
        ("torch.nn.functional.softplus(k)[0]", 1.3132616875182228),
        ("torch.linalg.norm(k)", 14**0.5),
        ("math.sqrt(2) * math.pi", 4.442882938158366),
        ("softmax(k)[0]", 0.09003057317038046),
        ("logsumexp(k)", 3.4076059644443806),
        ("logsumexp(k, 0)", 3.4076059644443806),
        ("norm(x) ** 2", 2.5625),
        ("torch.logdet(M)", 2.2192034840549946),
        ("sum(eye(3)[:, 0] * k)", 1),
        ("sum(arange(1, 7, 2))", 9),
        ("full([2], k[1]).sum()", 4),
        ("torch.zeros((2, 3), dtype=torch.float32).sum() + 1", 1),
        ("max(2, len(x))", 3),
        ("min(x, 0)", 0.25),
        ("x.max()", 1.5),
        ("x.max(0)[1]", 1),
        ("torch.max(x, k)[2]", 3),
        ("clamp(k, max=2).sum()", 5),
        ("where(k == 2, 1, 0).sum()", 1),
        ("sort(x)[0]", 0.25),
        ("x.sort(descending=True).values[0]", 1.5),
        ("M.T.shape[0] + M.ndim + x.size(0) + M.numel() + x.dim()", 18),
        ("x.unsqueeze(-1).squeeze(-1).view(3, 1).t().sum()", 2.25),
        ("one_hot(k - 1, 3)[1, 1]", 1),
        ("abs(-3) + round(2.6) + int(2.9)", 8),
        ("outer(x, k)[1, 2]", 4.5),
        ("solve_triangular(2 * eye(2), [2, 4])[1]", 2),
        ("solve(2 * eye(2), eye(2))[0, 0]", 0.5),
        ("torch.diag(torch.tensor([1, 2]))[1, 1]", 2),
        ("((0 < x) & (x < 1)).sum()", 2),
        ("(0 < x < 1).sum()", 2),
        ("len([1, 2])", 2),
        ("sum(k) // 2 % 2", 1),
    ],
)
def test_values(text: str, wanted: float, dtype: torch.dtype) -> None:
    value = evaluate(text, inputs(dtype), context(dtype))
    if isinstance(value, Tensor) and value.is_floating_point():
        assert value.dtype == dtype
    assert float(value) == pytest.approx(wanted, rel=1e-6)


def test_factorisations_give_nan_instead_of_raising() -> None:
    names = inputs(torch.float64)
    for text in ("cholesky(-M)", "inverse(0 * M)", "solve(0 * M, x)"):
        assert torch.isnan(evaluate(text, names, context())).all()
    both = torch.stack([names["M"], -names["M"]])
    factor: Callable[[Tensor], Tensor] = lambda m: evaluate("cholesky(M)", {"M": m}, context())  # noqa: E731
    batched = torch.func.vmap(factor)(both)
    assert torch.isfinite(batched[0]).all()
    assert torch.isnan(batched[1]).all()


def test_products_follow_the_precision_policy() -> None:
    seen = []

    def policy(a: Tensor, b: Tensor) -> Tensor:
        seen.append((a.shape, b.shape))
        return torch.matmul(a.bfloat16(), b.bfloat16())

    where = Context(torch.float32, torch.device("cpu"), matmul=policy)
    names = inputs(torch.float32)
    for text in ("M @ x", "matmul(M, M)", "dot(x, x)", "M.matmul(x)", "torch.mv(M, x)"):
        assert evaluate(text, names, where).dtype == torch.float32
    assert len(seen) == 5


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(DefinitionError, match="softmax has no argument 'dims'; did you mean 'dim'"):
        FUNCTIONS["softmax"].check(1, ["dims"])
    with pytest.raises(DefinitionError, match=r"it is exp\(input\)"):
        FUNCTIONS["exp"].check(2, [])


def test_every_function_of_the_contract_is_there() -> None:
    # The list of the HTTP contract.
    contract = {
        "exp", "log", "log1p", "expm1", "sqrt", "abs", "sin", "cos", "tan", "tanh", "sigmoid",
        "softplus", "logit", "softmax", "log_softmax", "logsumexp", "sum", "mean", "var", "std",
        "cumsum", "prod", "max", "min", "argmax", "len", "zeros", "ones", "full", "arange", "eye",
        "diag", "where", "stack", "cat", "outer", "dot", "matmul", "cholesky", "solve_triangular",
        "solve", "inverse", "logdet", "clamp", "minimum", "maximum", "lgamma", "digamma", "erf",
        "floor", "round", "sort", "norm", "transpose", "reshape", "unsqueeze", "squeeze",
    }  # fmt: skip
    assert contract <= set(FUNCTIONS)
    assert {f"torch.{name}" for name in contract if name != "len"} <= set(SPELLINGS)
    assert {"sum", "mean", "exp", "unsqueeze", "long", "view"} <= set(METHODS)
