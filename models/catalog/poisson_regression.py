"""Poisson regression with a log link and an exposure.

`x`: `B x K` predictors; `exposure`: `B` times at risk; `y`: `B` counts. The example is simulated.
"""

from models.definition import PyroDefinition

DEFINITION = PyroDefinition(
    language="pyro",
    source="""\
def model(x, exposure, y):
    n, k = x.shape
    alpha = pyro.sample("alpha", dist.Normal(0., 5.))
    beta = pyro.sample("beta", dist.Normal(torch.zeros(k), 2.5).to_event(1))
    rate = exposure * torch.exp(alpha + x @ beta)
    with pyro.plate("row", n):
        pyro.sample("y", dist.Poisson(rate), obs=y)
""",
)

DATA = {
    "x": [
        [-1.2, 0.5], [-0.9, -0.3], [-0.7, 1.1], [-0.4, -1.2], [-0.1, 0.2], [0.2, -0.6],
        [0.4, 0.9], [0.6, -0.1], [0.9, 1.3], [1.1, -0.8], [1.3, 0.4], [1.6, -0.5],
    ],
    "exposure": [1.0, 2.0, 1.5, 1.0, 3.0, 1.0, 2.5, 1.0, 1.0, 2.0, 1.5, 1.0],
    "y": [1, 2, 0, 2, 5, 3, 5, 4, 2, 15, 8, 11],
}  # fmt: skip
