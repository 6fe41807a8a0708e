"""Partitions by plate, and the normal whose Cholesky factor is an arrow, against dense algebra."""

import torch
from torch.distributions import MultivariateNormal

from models.density import Parameter
from workers.engines.kernels.arrow import Arrow, ArrowNormal, arrow_of, factor

CPU = torch.device("cpu")


def rows(arrow: Arrow) -> list[list[list[int]]]:
    return [plate.tolist() for plate in arrow.plates]


def test_unknowns_of_one_plate_share_its_elements() -> None:
    arrow = arrow_of(
        (
            Parameter("mu", (), "real", 1, 0),
            Parameter("a", (3,), "real", 3, 1, ("group",)),
            Parameter("tau", (2,), "positive", 2, 4),
            Parameter("b", (3, 2), "real", 6, 6, ("group", None)),
        ),
        CPU,
    )
    assert arrow.outside.tolist() == [0, 4, 5]
    assert rows(arrow) == [[[1, 6, 7], [2, 8, 9], [3, 10, 11]]]


def test_plates_that_cross_are_a_plate_of_their_own_whatever_their_order() -> None:
    arrow = arrow_of(
        (
            Parameter("a", (2, 3), "real", 6, 0, ("row", "column")),
            Parameter("b", (3, 2), "real", 6, 6, ("column", "row")),
            Parameter("c", (2,), "real", 2, 12, ("row",)),
        ),
        CPU,
    )
    assert arrow.outside.tolist() == []
    crossed, alone = rows(arrow)
    # By column, then row: a[r, c] and b[c, r] are of one element.
    assert crossed == [[0, 6], [3, 7], [1, 8], [4, 9], [2, 10], [5, 11]]
    assert alone == [[12], [13]]


def test_fewer_coordinates_than_entries_stay_with_their_element() -> None:
    # Two simplices of three entries have two coordinates each.
    arrow = arrow_of((Parameter("p", (2, 3), "simplex", 4, 0, ("group", None)),), CPU)
    assert rows(arrow) == [[[0, 1], [2, 3]]]


def normal() -> ArrowNormal:
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> torch.Tensor:
        return 0.5 * torch.randn(shape, generator=generator, dtype=torch.float64)

    arrow = Arrow(torch.tensor([1, 4]), (torch.tensor([[0, 2], [5, 3]]),))
    inside = [(some(2, 2), some(2, 2, 2), some(2, 2, 2))]
    return ArrowNormal(arrow, some(6), (some(2), some(2, 2)), inside)


def test_density_and_entropy_are_those_of_the_dense_normal() -> None:
    arrow = normal()
    root = torch.func.jacrev(lambda noise: arrow.place(noise[None])[0])(torch.zeros(6).double())
    dense = MultivariateNormal(arrow.loc, root @ root.T)
    noise = torch.randn(5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w = arrow.place(noise)
    torch.testing.assert_close(w, arrow.loc + noise @ root.T)
    torch.testing.assert_close(arrow.log_prob(w), dense.log_prob(w))
    torch.testing.assert_close(arrow.entropy(), dense.entropy())
    precision = torch.linalg.inv(root @ root.T)
    elements = precision[torch.tensor([[0], [2]]), torch.tensor([5, 3])]
    torch.testing.assert_close(elements, torch.zeros(2, 2).double(), atol=1e-12, rtol=0)


def test_elements_without_globals_are_independent() -> None:
    arrow = arrow_of((Parameter("x", (2, 2), "real", 4, 0, ("group", None)),), CPU)
    none = torch.zeros(0).double()
    lower = torch.full((2, 2, 2), 0.5).double()
    inside = [(torch.zeros(2, 2).double(), lower, torch.zeros(2, 2, 0).double())]
    found = ArrowNormal(arrow, torch.ones(4).double(), (none, none.reshape(0, 0)), inside)
    root = torch.tensor([[1.0, 0.0], [0.5, 1.0]]).double()
    dense = MultivariateNormal(torch.ones(4).double(), scale_tril=torch.block_diag(root, root))
    w = found.place(torch.linspace(-1.0, 1.0, 12).double().reshape(3, 4))
    torch.testing.assert_close(found.log_prob(w), dense.log_prob(w))
    torch.testing.assert_close(found.entropy(), dense.entropy())


def test_a_split_is_undone() -> None:
    arrow, w = normal().arrow, torch.arange(12.0).reshape(2, 6)
    assert torch.equal(arrow.join(*arrow.split(w)), w)


def test_a_factor_is_triangular_with_a_positive_diagonal() -> None:
    full = factor(torch.zeros(2), torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
    assert full.tolist() == [[1.0, 0.0], [7.0, 1.0]]
