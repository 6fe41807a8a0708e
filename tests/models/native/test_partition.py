import torch
from torch import Tensor

from models.compiled import record_rows
from models.native.partition import Partition, partition

Z = torch.linspace(-1.0, 1.0, 3, dtype=torch.float64)
DATA = torch.tensor([[2.0, 0.5, 0.1], [0.5, 1.5, 0.2], [0.1, 0.2, 1.0]], dtype=torch.float64)


def function(z: Tensor, data: Tensor) -> tuple[Tensor]:
    factor = torch.linalg.cholesky_ex(data).L
    fixed = torch.arange(3, dtype=z.dtype).exp()
    return (factor @ (z * fixed) + data.sum(),)


def cut(data: Tensor) -> Partition:
    return partition(record_rows(function, Z[None], (data,)), (data,))


def targets(part: Partition) -> set[str]:
    return {str(node.target) for node in part.main.graph.nodes if node.op == "call_function"}


def test_what_depends_on_the_data_alone_is_computed_once() -> None:
    part = cut(DATA)
    assert "aten.linalg_cholesky_ex.default" not in targets(part)
    assert "aten.exp.default" not in targets(part)
    assert len(part.prologue(DATA)) == 2


def test_other_data_go_through_the_same_prologue() -> None:
    part, other = cut(DATA), DATA + torch.eye(3, dtype=torch.float64)
    for name, tensor in zip(("data_0", "data_1"), part.prologue(other), strict=True):
        setattr(part.main, name, tensor)
    torch.testing.assert_close(part.main(Z)[0], function(Z, other)[0])


def test_numbers_of_the_text_are_marked() -> None:
    nodes = [node for node in cut(DATA).main.graph.nodes if node.op == "get_attr"]
    assert {str(n.target).partition("_")[0]: n.meta["literal"] for n in nodes} == {
        "data": False,
        "text": True,
    }
