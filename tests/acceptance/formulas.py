"""The published posteriors that are formulas, and where their parameters are in ours."""

from typing import Any

FLAT = {"distribution": "ImproperUniform"}
#: Flat priors of everything.
_FLAT = {"Intercept": FLAT, "beta": FLAT, "sigma": FLAT}
_CAUCHY = {"distribution": "HalfCauchy", "args": {"scale": 2.5}}
_MESQUITE = ("diam1", "diam2", "canopy_height", "total_height", "density")

#: By posterior: its formula and priors.
FORMULAS: dict[str, tuple[str, dict[str, Any]]] = {
    "kidiq": ("kid_score ~ mom_hs + mom_iq", {**_FLAT, "sigma": _CAUCHY}),
    "earnings": ("earn ~ height", _FLAT),
    "mesquite": (
        f"log(weight) ~ {' + '.join(f'log({name})' for name in _MESQUITE)} + group",
        _FLAT,
    ),
    "nes2000": (
        "partyid7 ~ real_ideo + race_adj + C(age_discrete) + educ1 + gender + income",
        _FLAT,
    ),
}


def formula(name: str) -> dict[str, Any]:
    """Return the definition of a published posterior as a formula."""
    text, priors = FORMULAS[name]
    return {"language": "formula", "formula": text, "family": "gaussian", "priors": priors}


def ours(parameter: str, index: int | None) -> tuple[str, int | None]:
    """Return what we call a published parameter: the first of `beta` is the intercept."""
    if parameter != "beta" or index is None:
        return parameter, index
    return ("Intercept", None) if index == 0 else ("beta", index - 1)
