"""Logistic regression: the log odds of a binary outcome are linear in the predictors.

`x`: `B x K` predictors; `y`: `B` outcomes, 0 or 1. The example is simulated.
"""

from models.definition import PyroDefinition

DEFINITION = PyroDefinition(
    language="pyro",
    source="""\
def model(x, y):
    n, k = x.shape
    alpha = pyro.sample("alpha", dist.Normal(0., 2.5))
    beta = pyro.sample("beta", dist.Normal(torch.zeros(k), 2.5).to_event(1))
    with pyro.plate("row", n):
        pyro.sample("y", dist.Bernoulli(logits=alpha + x @ beta), obs=y)
""",
)

DATA = {
    "x": [
        [-1.8, 0.2], [-1.5, -1.1], [-1.2, 0.9], [-1.0, -0.4], [-0.7, 1.4], [-0.4, -0.9],
        [-0.2, 0.6], [0.1, -1.3], [0.3, 1.1], [0.6, -0.2], [0.8, 0.5], [1.1, -0.7],
        [1.3, 1.7], [1.6, -1.6], [1.9, 0.1], [2.2, 0.8],
    ],
    "y": [0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1],
}  # fmt: skip
