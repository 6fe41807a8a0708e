"""A mixture of two normals with ordered means, the component of each row summed out.

`y`: `B` values. The order of the means removes the switching of labels. The example is simulated:
weights 0.4 and 0.6, means -2 and 3, standard deviations 1 and 0.7.
"""

from models.definition import PyroDefinition

DEFINITION = PyroDefinition(
    language="pyro",
    source="""\
def model(y):
    theta = pyro.sample("theta", dist.Beta(5., 5.))
    support = dist.constraints.ordered_vector
    mu = pyro.sample("mu", dist.ImproperUniform(support, (), (2,)))
    pyro.factor("mu_prior", -0.5 * ((mu / 2) ** 2).sum())
    sigma = pyro.sample("sigma", dist.HalfNormal(2.).expand([2]).to_event(1))
    weights = dist.Categorical(torch.stack([theta, 1 - theta]))
    with pyro.plate("row", len(y)):
        pyro.sample("y", dist.MixtureSameFamily(weights, dist.Normal(mu, sigma)), obs=y)
""",
)

DATA = {
    "y": [
        -2.8, -0.9, -3.1, -1.7, -2.2, -1.2, -2.6, -1.9, 3.4, 2.5, 3.1, 2.2, 3.8, 2.9, 3.3, 2.7,
        4.1, 3.0, 1.9, 2.4,
    ],
}  # fmt: skip
