"""Names of coordinates."""

from tests.workers.densities import FunctionDensity
from workers.engines.kernels.entries import entry_names, listed


def test_names_follow_the_shape() -> None:
    shapes = {"mu": ((), "real"), "theta": ((2,), "real"), "w": ((1, 2), "positive")}
    model = FunctionDensity(lambda x: x, shapes)
    assert entry_names(model) == ("mu", "theta[0]", "theta[1]", "w[0,0]", "w[0,1]")


def test_lists_read_like_a_sentence() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "a"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdef"), 3) == "a, b, c and 3 more"
