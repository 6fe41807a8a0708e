import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from models.broadcast import sink_expansions
from models.simplify import simplified

GENERATOR = torch.Generator().manual_seed(1)
ROWS = torch.randn(4, 1000, dtype=torch.float64, generator=GENERATOR)
SCALE = torch.rand(4, 1, dtype=torch.float64, generator=GENERATOR) + 0.5


def recorded(function, *inputs: Tensor) -> torch.fx.GraphModule:
    graph_module = make_fx(function)(*inputs)
    sink_expansions(graph_module.graph)
    return simplified(graph_module)


def elements(graph_module: torch.fx.GraphModule, name: str) -> list[int]:
    found = [n for n in graph_module.graph.nodes if str(n.target).startswith(f"aten.{name}.")]
    return [n.meta["val"].numel() for n in found]


def test_the_logarithm_of_a_copied_scale_is_taken_once_a_chain() -> None:
    def function(rows: Tensor, scale: Tensor) -> Tensor:
        wide = scale.expand(4, 1000)
        return (rows / wide - wide.log()).sum(1)

    graph = recorded(function, ROWS, SCALE)
    assert elements(graph, "log") == [4]
    assert elements(graph, "expand") == []
    torch.testing.assert_close(graph(ROWS, SCALE), function(ROWS, SCALE), rtol=1e-15, atol=0)


def test_a_reduction_still_sees_every_copy() -> None:
    graph = recorded(lambda scale: scale.expand(4, 1000).exp().sum(1), SCALE)
    assert elements(graph, "exp") == [4]
    torch.testing.assert_close(graph(SCALE), 1000 * SCALE.exp()[:, 0])


def test_constants_of_ones_shrink_to_one() -> None:
    def function(rows: Tensor) -> Tensor:
        return (-torch.ones_like(rows) / 2) * rows + torch.full_like(rows, 3.0)

    graph = recorded(function, ROWS)
    assert max(elements(graph, "neg") + elements(graph, "div")) == 1
    torch.testing.assert_close(graph(ROWS), function(ROWS), rtol=0, atol=0)


def test_a_gradient_with_respect_to_the_scale_is_unchanged() -> None:
    def value(scale: Tensor, rows: Tensor) -> Tensor:
        normal = torch.distributions.Normal(scale * 2, scale.expand(1000), validate_args=False)
        return normal.log_prob(rows).sum()

    batched = torch.func.vmap(torch.func.grad_and_value(value))
    graph = recorded(batched, SCALE, ROWS)
    for got, expected in zip(graph(SCALE, ROWS), batched(SCALE, ROWS), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-13, atol=0)
    assert max(elements(graph, "log")) == 4


def test_a_scalar_is_not_promoted() -> None:
    half = torch.tensor(0.5, dtype=torch.float32)
    double = ROWS[0]
    function = lambda a, b: a.expand(1000) * b  # noqa: E731
    assert recorded(function, half, double)(half, double).dtype == torch.float64


def test_a_view_of_what_became_an_expansion_is_still_allowed() -> None:
    def function(scale: Tensor) -> Tensor:
        return scale.expand(4, 1000).exp().view(-1) * 2

    torch.testing.assert_close(recorded(function, SCALE)(SCALE), function(SCALE))
