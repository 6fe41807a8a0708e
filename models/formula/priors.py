"""Priors of a formula's unknowns: defaults scaled to the data, and what overrides them.

Slopes are Normal(0, 2.5 s_y / s_x), the intercept at the predictors' means Normal(m_y, 2.5 s_y),
where s_x is a column's standard deviation and m_y, s_y are the response's mean and standard
deviation with the identity link of real responses, and otherwise s_y = 1 and m_y is 0, or of a log
or square-root link the link of the response's mean (Gabry and Goodrich, Prior distributions for
rstanarm models; Capretto et al., Bambi, J. Stat. Softw. 103, 2022). Standard deviations of effects
that vary are half normal with the scale that a slope of their column would have, as in Bambi.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from models.binding import did_you_mean
from models.definition import PriorForm
from models.distributions import check_arguments, make
from models.errors import DefinitionError

#: A flat prior; the site becomes a parameter without one.
FLAT = "ImproperUniform"
#: Distributions of an unknown on the real line.
REAL = (
    "Normal",
    "StudentT",
    "Cauchy",
    "Laplace",
    "Logistic",
    "SoftLaplace",
    "Gumbel",
    "Uniform",
    FLAT,
)
#: Of a positive unknown.
POSITIVE = (
    "HalfNormal",
    "HalfCauchy",
    "HalfStudentT",
    "Exponential",
    "Gamma",
    "InverseGamma",
    "LogNormal",
    "Weibull",
    FLAT,
)
#: Of correlations between effects, and of an ordinal response's categories.
CORRELATIONS = ("LKJCholesky",)
CATEGORIES = ("Dirichlet", FLAT)


@dataclass(frozen=True)
class Prior:
    """A prior as a definition has it: numbers, or names of data."""

    distribution: str
    args: Mapping[str, float | str]
    #: The key of the override that it comes from; None for a default.
    key: str | None = None

    @property
    def flat(self) -> bool:
        """Whether it says nothing."""
        return self.distribution == FLAT


def overriding(key: str, form: PriorForm, choices: tuple[str, ...]) -> Prior:
    """Return the prior that an override asks for.

    Args:
        key: under which it stands.
        form: what is asked for.
        choices: distributions that suit the unknown.

    Raises:
        DefinitionError: the distribution does not suit.
    """
    if form.distribution not in choices:
        hint = did_you_mean(form.distribution, list(choices)) or ""
        raise DefinitionError(
            f"model.priors.{key[:64]}.distribution",
            f"'{form.distribution[:64]}' does not suit it{hint}; write one of {', '.join(choices)}",
        )
    path = f"model.priors.{key[:64]}.args"
    if form.distribution == FLAT:
        if form.args:
            raise DefinitionError(path, "a flat prior has none; remove them")
        return Prior(FLAT, {}, key)
    _check_arguments(form, path)
    return Prior(form.distribution, dict(form.args), key)


def _check_arguments(form: PriorForm, path: str) -> None:
    """Build the distribution once: what its arguments may be is said in one table."""
    args: dict[str, Any] = dict(form.args)
    if form.distribution in CORRELATIONS:
        args = {"dim": 2, **args}
    if form.distribution in CATEGORIES and "concentration" in args:
        args["concentration"] = [args["concentration"]] * 2
    try:
        fn = make(form.distribution, (), args, dtype=torch.float64, device=torch.device("cpu"))
    except DefinitionError as error:
        raise DefinitionError(path, error.message) from None
    for argument, sentence in check_arguments(form.distribution, fn):
        raise DefinitionError(f"{path}.{argument}", sentence)
