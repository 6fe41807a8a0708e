import pytest
import torch

from models.precision import LowName, native_low, precision, rounded_product

X = torch.randn(40, 30, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["float64", "float32", "mixed"])
def test_products_come_back_in_the_dtype_of_the_run(name: str) -> None:
    chosen = precision(name)
    a = X.to(chosen.dtype)
    assert chosen.matmul(a, a.T).dtype == chosen.dtype


def test_mixed_products_are_rounded_to_bf16_and_no_further() -> None:
    exact = X.double() @ X.double().T
    mixed = precision("mixed").matmul(X, X.T).double()
    error = ((mixed - exact).abs() / (X.norm(dim=1)[:, None] * X.norm(dim=1))).max()
    assert 1e-6 < error < 2**-7


@pytest.mark.parametrize(("low", "digits"), [("bfloat16", 8), ("float16", 11)])
def test_products_are_rounded_to_the_type_that_is_named(low: LowName, digits: int) -> None:
    exact = X.double() @ X.double().T
    found = rounded_product(low)(X, X.T)
    assert found.dtype is torch.float32
    error = ((found - exact).abs() / (X.norm(dim=1)[:, None] * X.norm(dim=1))).max()
    assert 2.0 ** -(digits + 6) < error < 2.0 ** -(digits - 1)


def test_a_processor_rounds_to_bf16() -> None:
    assert native_low(torch.device("cpu")) == "bfloat16"


def test_mixed_products_are_differentiable_in_batches() -> None:
    product = precision("mixed").matmul
    beta = torch.ones(3, 30)
    slope = torch.func.vmap(torch.func.grad(lambda b: product(X, b).sum()))(beta)
    torch.testing.assert_close(slope, X.sum(0).expand(3, 30), rtol=0.02, atol=0.1)
