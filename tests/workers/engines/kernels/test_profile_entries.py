"""Which ends are looked for, and what of that is refused."""

import pytest
import torch

from models.density import Parameter
from models.errors import DefinitionError, TooLargeError
from tests.workers.engines.posted import posted
from workers.engines.kernels.profile_entries import LIMIT, Quantities, chosen, find_ends
from workers.engines.mle import MleOptions

BETA = Parameter("beta", (3,), "real", 3, 0)
SIGMA = Parameter("sigma", (), "positive", 1, 3)


def test_all_parameters_or_those_asked_for() -> None:
    assert chosen([BETA, SIGMA], None) == [BETA, SIGMA]
    assert chosen([BETA, SIGMA], ["sigma"]) == [SIGMA]


def test_an_unknown_name_is_refused_at_its_place() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'sigma'") as caught:
        MleOptions(intervals="profile", profile=["beta", "sigm"]).check_parameters([BETA, SIGMA])
    assert caught.value.path == "engine.profile[1]"


def test_names_without_profiles_are_refused() -> None:
    with pytest.raises(DefinitionError, match="write 'profile' there"):
        MleOptions(profile=["beta"]).check_parameters([BETA])


def test_too_many_entries_are_refused_with_their_number() -> None:
    many = Parameter("w", (LIMIT + 1,), "real", LIMIT + 1, 0)
    with pytest.raises(TooLargeError, match=f"{2 * (LIMIT + 1)} searches"):
        MleOptions(intervals="profile").check_parameters([many])
    MleOptions(intervals="wald").check_parameters([many])


def test_too_many_unknowns_for_a_hessian_are_refused_with_its_memory() -> None:
    many = Parameter("w", (5000,), "real", 5000, 1)
    with pytest.raises(TooLargeError, match="200 MB"):
        MleOptions(intervals="profile", profile=["s"]).check_parameters(
            [Parameter("s", (), "positive", 1, 0), many]
        )


MATRIX = """
def model(y):
    low = pyro.sample("low", dist.Normal(0.0, 1.0))
    inside = pyro.sample("inside", dist.Uniform(low, low + 2.0))
    chol = pyro.sample("chol", dist.LKJCholesky(2, 2.0))
    pyro.sample("y", dist.Normal(inside * chol[1, 0], 1.0), obs=y)
"""


def test_constants_and_what_hangs_on_other_unknowns_have_no_ends() -> None:
    density = posted(MATRIX, {"y": [0.3, 0.8]})
    ends = find_ends(density, torch.full((3,), 0.4, dtype=torch.float64), None)
    assert ends.without == ("inside",)
    # chol[0,0] is 1 and chol[0,1] is 0; the other two are functions of one number.
    assert list(zip(ends.names, ends.entries, strict=True)) == [
        ("low", 0), ("low", 0), ("chol", 2), ("chol", 2), ("chol", 3), ("chol", 3),
    ]  # fmt: skip
    assert ends.signs.tolist() == [-1.0, 1.0] * 3


def test_quantities_have_the_derivatives_of_what_they_are() -> None:
    density = posted(MATRIX, {"y": [0.3, 0.8]})
    z = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    ends = find_ends(density, z, None)
    value, slope = Quantities(density, ends)(z.expand(len(ends), -1))
    exact = density.constrain(z[None])["chol"][0].reshape(-1)[[2, 2, 3, 3]]
    torch.testing.assert_close(value[2:], ends.signs[2:] * exact)
    jacobian = density.jacobian(z[None])["chol"][0].reshape(4, -1)[[2, 2, 3, 3]]
    torch.testing.assert_close(slope[2:], ends.signs[2:, None] * jacobian)
