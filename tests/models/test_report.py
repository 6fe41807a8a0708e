"""What is reported of a point, in one row and by name."""

import torch

from models.density import Deterministic, Parameter
from models.report import Report

REPORT = Report(
    [
        Parameter("a", (), "real", offset=0, size=1),
        Parameter("b", (2, 2), "real", offset=1, size=4),
    ],
    [Deterministic("c", (3,))],
)


def test_rows_are_cut_into_quantities() -> None:
    assert (REPORT.names, REPORT.width) == (("a", "b", "c"), 8)
    cut = REPORT.cut(torch.arange(16.0).reshape(2, 8))
    assert cut["a"].tolist() == [0.0, 8.0]
    assert cut["b"][1].tolist() == [[9.0, 10.0], [11.0, 12.0]]
    assert cut["c"][0].tolist() == [5.0, 6.0, 7.0]


def test_what_follows_the_row_stays() -> None:
    jacobian = torch.arange(2 * 8 * 3.0).reshape(2, 8, 3)
    cut = REPORT.cut(jacobian)
    assert cut["b"].shape == (2, 2, 2, 3)
    assert torch.equal(cut["b"][0, 1, 0], jacobian[0, 3])
