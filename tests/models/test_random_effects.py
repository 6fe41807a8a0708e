import pytest

from tests.models.test_traced import DATA, SCHOOLS, density

CENTRED = SCHOOLS.replace("dist.Normal(0., 1.)", "dist.Normal(mu, tau)").replace(
    "mu + tau * eta", "1. * eta"
)
REGRESSION = """
def model(y, sigma):
    slope = pyro.sample("slope", dist.Normal(0., 1.))
    with pyro.plate("school", len(y)):
        effect = pyro.sample("effect", dist.Normal(0., 10.))
        pyro.sample("y", dist.Normal(effect + slope * sigma, sigma), obs=y)
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [(SCHOOLS, ("eta",)), (CENTRED, ("eta",)), (REGRESSION, ())],
    ids=["non-centred", "centred", "fixed effects"],
)
def test_random_effects_are_recognised(source: str, expected: tuple[str, ...]) -> None:
    assert density(source, DATA).random_effects == expected
