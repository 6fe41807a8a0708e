"""Linear regression with weakly informative priors on standardised columns.

`x`: `B x K` predictors; `y`: `B` responses. The example is simulated: an intercept of 1 and slopes
of 2 and -1, residual standard deviation 0.5.
"""

from models.definition import GraphDefinition, Site

DEFINITION = GraphDefinition(
    language="graph",
    sites=[
        Site(name="alpha", distribution="Normal", args={"loc": 0, "scale": 10}),
        Site(
            name="beta",
            distribution="Normal",
            args={"loc": "zeros(x.shape[1])", "scale": 10},
        ),
        Site(name="sigma", distribution="HalfNormal", args={"scale": 5}),
        Site(
            name="y",
            distribution="Normal",
            args={"loc": "alpha + x @ beta", "scale": "sigma"},
            observed="y",
        ),
    ],
)

DATA = {
    "x": [
        [-1.4, 0.3], [-1.1, -0.8], [-0.9, 1.2], [-0.6, -0.1], [-0.3, 0.7], [0.0, -1.5],
        [0.2, 0.4], [0.5, -0.6], [0.7, 1.6], [1.0, 0.1], [1.2, -1.0], [1.5, 0.9],
    ],
    "y": [-2.3, -0.6, -1.7, 0.2, -0.6, 2.9, 0.9, 3.1, 0.5, 2.7, 4.9, 2.8],
}  # fmt: skip
