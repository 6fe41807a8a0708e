"""The table of families: what a response is distributed as, around its linear predictor.

Only links whose inverse lies in the mean's range for every predictor are offered: a sampler goes
everywhere.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from models.binding import did_you_mean
from models.errors import DefinitionError


class Response(enum.StrEnum):
    """What a family's response may be."""

    REAL = "real"
    POSITIVE = "positive"
    UNIT = "unit"
    BINARY = "binary"
    TRIALS = "trials"
    COUNT = "count"
    ORDERED = "ordered"


#: From a linear predictor, an expression in brackets where it needs them, to an expression.
Inverse = Callable[[str], str]

_MEANS: Mapping[str, Inverse] = {
    "identity": lambda eta: eta,
    "log": lambda eta: f"exp({eta})",
    "sqrt": lambda eta: f"square({eta})",
}
#: Log odds, which never round to a probability of 0 or 1.
_LOG_ODDS: Mapping[str, Inverse] = {
    "logit": lambda eta: eta,
    "probit": lambda eta: f"log(ndtr({eta})) - log(ndtr(-({eta})))",
    "cloglog": lambda eta: f"exp({eta}) + log(-expm1(-exp({eta})))",
}
_PROBABILITIES: Mapping[str, tuple[Inverse, Inverse]] = {
    "logit": (lambda eta: f"sigmoid({eta})", lambda eta: f"sigmoid(-({eta}))"),
    "probit": (lambda eta: f"ndtr({eta})", lambda eta: f"ndtr(-({eta}))"),
    "cloglog": (lambda eta: f"-expm1(-exp({eta}))", lambda eta: f"exp(-exp({eta}))"),
}


@dataclass(frozen=True)
class Family:
    """A family of distributions."""

    name: str
    #: The first is the default.
    links: tuple[str, ...]
    response: Response
    distribution: str
    #: The distribution's arguments by link and linear predictor.
    arguments: Callable[[str, str], dict[str, str]]
    #: Unknowns beside the predictor's.
    auxiliary: tuple[str, ...] = ()

    def link(self, asked: str | None) -> str:
        """Return the link by name, the default for None.

        Raises:
            DefinitionError: the family has no such link.
        """
        if asked is None:
            return self.links[0]
        if asked not in self.links:
            hint = did_you_mean(asked, list(self.links)) or f"; write {' or '.join(self.links)}"
            raise DefinitionError("model.link", f"{self.name} has no link '{asked[:40]}'{hint}")
        return asked


def _odds(link: str, eta: str) -> dict[str, str]:
    return {"logits": _LOG_ODDS[link](eta)}


def _beta(link: str, eta: str) -> dict[str, str]:
    yes, no = (probability(eta) for probability in _PROBABILITIES[link])
    return {"concentration1": f"phi * {_factor(yes)}", "concentration0": f"phi * {_factor(no)}"}


def _factor(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


_FAMILIES = (
    Family(
        "gaussian",
        ("identity", "log"),
        Response.REAL,
        "Normal",
        lambda link, eta: {"loc": _MEANS[link](eta), "scale": "sigma"},
        ("sigma",),
    ),
    Family(
        "student",
        ("identity", "log"),
        Response.REAL,
        "StudentT",
        lambda link, eta: {"df": "nu", "loc": _MEANS[link](eta), "scale": "sigma"},
        ("sigma", "nu"),
    ),
    Family("bernoulli", ("logit", "probit", "cloglog"), Response.BINARY, "Bernoulli", _odds),
    Family(
        "binomial",
        ("logit", "probit", "cloglog"),
        Response.TRIALS,
        "Binomial",
        lambda link, eta: {"total_count": "trials", **_odds(link, eta)},
    ),
    Family(
        "poisson",
        ("log", "sqrt"),
        Response.COUNT,
        "Poisson",
        lambda link, eta: {"rate": _MEANS[link](eta)},
    ),
    Family(
        "negative_binomial",
        ("log",),
        Response.COUNT,
        "NegativeBinomial",
        lambda link, eta: {"total_count": "phi", "logits": f"{eta} - log(phi)"},
        ("phi",),
    ),
    Family(
        "gamma",
        ("log",),
        Response.POSITIVE,
        "Gamma",
        lambda link, eta: {"concentration": "shape", "rate": f"shape * exp(-({eta}))"},
        ("shape",),
    ),
    Family("beta", ("logit", "probit", "cloglog"), Response.UNIT, "Beta", _beta, ("phi",)),
    Family(
        "ordinal",
        ("logit",),
        Response.ORDERED,
        "OrderedLogistic",
        lambda link, eta: {"predictor": eta, "cutpoints": "centred_cutpoints"},
    ),
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _FAMILIES}
