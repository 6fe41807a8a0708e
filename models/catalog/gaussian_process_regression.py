"""Gaussian process regression with a squared-exponential kernel, the function integrated out.

`x`: `B` inputs; `y`: `B` responses. `rho` is the length scale, `alpha` the amplitude, `sigma` the
variance of the noise. Rasmussen and Williams (2006), section 2.2. Data: posteriordb, gp_pois_regr
(BSD 3-clause).
"""

from models.definition import GraphDefinition, Site

DEFINITION = GraphDefinition(
    language="graph",
    sites=[
        Site(name="rho", distribution="Gamma", args={"concentration": 25, "rate": 4}),
        Site(name="alpha", distribution="HalfNormal", args={"scale": 2}),
        Site(name="sigma", distribution="HalfNormal", args={"scale": 1}),
        Site(
            name="y",
            distribution="MultivariateNormal",
            args={
                "loc": "zeros(len(y))",
                "covariance_matrix": "alpha ** 2 * exp(-0.5 * ((x[:, None] - x) / rho) ** 2)"
                " + sigma * eye(len(y))",
            },
            observed="y",
        ),
    ],
)

DATA = {
    "x": [-10, -8, -6, -4, -2, 0, 2, 4, 6, 8, 10],
    "y": [
        4.75906, 1.59423, 2.99548, 5.27501, 1.66472, 2.24347, 2.8914, 4.08681, 4.60588, 0.802364,
        3.92136,
    ],
}  # fmt: skip
