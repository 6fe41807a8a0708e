import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from models.compiled import bind
from models.simplify import simplified

X = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def operations(graph_module: torch.fx.GraphModule) -> list[str]:
    return [str(n.target) for n in graph_module.graph.nodes if n.op == "call_function"]


def test_views_copies_and_trivial_sums_leave_the_graph() -> None:
    def function(x: Tensor) -> Tensor:
        y = x.unsqueeze(-1).sum(-1).reshape(4, 3).expand(4, 3).clone()
        return y.permute(0, 1).pow(1.0).exp()

    graph = simplified(make_fx(function)(X))
    assert operations(graph) == ["aten.exp.default"]
    torch.testing.assert_close(graph(X), X.exp(), rtol=0, atol=0)


def test_a_sum_that_changes_the_dtype_stays() -> None:
    graph = simplified(make_fx(lambda x: x.unsqueeze(-1).sum(-1, dtype=torch.float64))(X.float()))
    assert graph(X.float()).dtype == torch.float64


def test_a_transposition_stays() -> None:
    square = X[:3]
    graph = simplified(make_fx(lambda x: x.permute(1, 0))(square))
    torch.testing.assert_close(graph(square), square.T, rtol=0, atol=0)


def test_equal_operations_are_computed_once() -> None:
    graph = simplified(make_fx(lambda x: x.exp() + x.exp())(X))
    assert operations(graph).count("aten.exp.default") == 1


def test_products_with_ones_and_sums_with_zeros_go_when_their_shape_is_right() -> None:
    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        one = torch.ones_like(x)
        return (x * one + torch.zeros_like(x)).exp(), x.sum(0) * torch.ones_like(x)

    bound = bind(simplified(make_fx(function)(X)), [])
    first, broadcast = bound(X)
    torch.testing.assert_close(first, X.exp(), rtol=0, atol=0)
    assert broadcast.shape == X.shape
    torch.testing.assert_close(broadcast, X.sum(0).expand(4, 3), rtol=0, atol=0)
