"""Eight schools: a hierarchical normal model of coaching effects, non-centred.

Rubin (1981), Estimation in parallel randomized experiments. Data: estimated effects `y` and their
standard errors `sigma`.
"""

from models.definition import GraphDefinition, Site

DEFINITION = GraphDefinition(
    language="graph",
    plates={"school": "len(y)"},
    sites=[
        Site(name="mu", distribution="Normal", args={"loc": 0, "scale": 5}),
        Site(name="tau", distribution="HalfCauchy", args={"scale": 5}),
        Site(name="eta", distribution="Normal", args={"loc": 0, "scale": 1}, plates=["school"]),
        Site(name="theta", value="mu + tau * eta"),
        Site(
            name="y",
            distribution="Normal",
            args={"loc": "theta", "scale": "sigma"},
            plates=["school"],
            observed="y",
        ),
    ],
)

DATA = {
    "y": [28, 8, -3, 7, -1, 1, 18, 12],
    "sigma": [15, 10, 16, 11, 9, 11, 10, 18],
}
