"""The graph that a formula stands for: its sites, with what depends on data as named data.

alpha, beta     the intercept at the predictors' means, and the slopes
Intercept       what alpha is on the original scale, alpha - X_mean @ beta
X, X_mean       the design matrix, centred where there is an intercept, and its means
sd_g, cor_g     standard deviations and correlations of the effects that vary by g
effect_g        these effects, non-centred: standard normal z_g, scaled and correlated
index_g, Z_g    each row's group, and what its effects are multiplied with
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from models.definition import MAX_PLATES, MAX_SITES, GraphDefinition, ParameterForm, Site
from models.errors import DefinitionError
from models.formula.priors import FLAT, Prior
from models.formula.regression import Regression
from models.formula.terms import GroupEffects, Term

_AUXILIARY = {
    "sigma": Prior("HalfStudentT", {"df": 4, "scale": "sigma_scale"}),
    "nu": Prior("Gamma", {"concentration": 2, "rate": 0.1}),
    "phi": Prior("HalfCauchy", {"scale": 1}),
    "shape": Prior("HalfCauchy", {"scale": 1}),
}
_CORRELATIONS = Prior("LKJCholesky", {"concentration": 1})
_CATEGORIES = Prior("Dirichlet", {"concentration": 1})


@dataclass(frozen=True)
class Block:
    """Slopes next to each other that share a prior."""

    #: The site, `beta` where it is the only one.
    site: str
    terms: tuple[Term, ...]
    #: Normal with location and scale from data, where it is the default or Normal itself.
    prior: Prior


@dataclass(frozen=True)
class Graph:
    """A formula's graph."""

    definition: GraphDefinition
    #: By site, the prior that stands there.
    priors: Mapping[str, Prior]


@dataclass
class _Draft:
    """A graph that is being written."""

    plates: dict[str, int | str] = field(default_factory=dict)
    sites: list[Site] = field(default_factory=list)
    priors: dict[str, Prior] = field(default_factory=dict)

    def unknown(self, name: str, prior: Prior, support: str = "real", *plates: str) -> None:
        """Add an unknown with its prior; with a flat one, a parameter."""
        self.priors[name] = prior
        if prior.distribution == FLAT:
            shape: list[int | str] = [self.plates[plate] for plate in plates]
            self._add(name=name, parameter=ParameterForm(shape=shape, support=support))
            return
        drawn: dict[str, Any] = {"distribution": prior.distribution, "args": dict(prior.args)}
        self._add(name=name, **drawn, plates=list(plates) or None)

    def value(self, name: str, expression: str) -> None:
        """Add a function of what stands above it."""
        self._add(name=name, value=expression)

    def _add(self, **fields: Any) -> None:
        self.sites.append(
            Site(**{key: value for key, value in fields.items() if value is not None})
        )


def build(regression: Regression, widths: Mapping[str, int]) -> Graph:
    """Return a formula's graph.

    Args:
        regression: the formula.
        widths: by group, how many effects vary, where the text does not tell; absent, one.

    Raises:
        DefinitionError: it is larger than a graph may be.
    """
    draft = _Draft()
    parts = _population(draft, regression)
    if regression.formula.offsets:
        parts.append("offset")
    for group, suffix in zip(regression.formula.groups, regression.suffixes, strict=True):
        parts.append(_varying(draft, regression, group, suffix, widths.get(suffix, 1)))
    for name in regression.family.auxiliary:
        draft.unknown(name, regression.others.get(name, _AUXILIARY[name]), "positive")
    response = regression.response
    draft.plates["row"] = f"len({response})"
    eta = " + ".join(parts) or f"zeros(len({response}))"
    draft.sites.append(
        Site(
            name=response,
            distribution=regression.family.distribution,
            args=regression.family.arguments(regression.link, eta),
            plates=["row"],
            observed=response,
        )
    )
    _check_size(draft)
    definition = GraphDefinition(language="graph", plates=draft.plates, sites=draft.sites)
    return Graph(definition, draft.priors)


def _check_size(draft: _Draft) -> None:
    """Refuse a graph that is larger than graphs may be."""
    sizes = ((len(draft.plates), MAX_PLATES, "plates"), (len(draft.sites), MAX_SITES, "sites"))
    for size, most, what in sizes:
        if size > most:
            raise DefinitionError(
                "model.formula",
                f"its graph would have {size} {what}, and the limit is {most}; let effects vary by "
                "fewer groups, or give fewer terms priors of their own",
            )


def slope_blocks(regression: Regression) -> tuple[Block, ...]:
    """Return the slopes, term by term, in blocks that share a prior."""

    def shared(term: Term) -> tuple[Any, ...] | None:
        prior = regression.slope(term)
        if prior is None or prior.distribution == "Normal":
            return None
        return prior.distribution, tuple(sorted(prior.args.items()))

    runs = [tuple(run) for _, run in groupby(regression.formula.population.terms, shared)]
    blocks = []
    for index, terms in enumerate(runs, start=1):
        site = "beta" if len(runs) == 1 else f"beta_{index}"
        prior = regression.slope(terms[0])
        if shared(terms[0]) is None or prior is None:
            prior = Prior("Normal", {"loc": f"{site}_loc", "scale": f"{site}_scale"})
        blocks.append(Block(site, terms, prior))
    return tuple(blocks)


def _population(draft: _Draft, regression: Regression) -> list[str]:
    """Write the effects that do not vary; return their part of the linear predictor."""
    terms = bool(regression.formula.population.terms)
    parts = []
    if regression.ordinal:
        _categories(draft, regression)
    elif regression.formula.population.intercept:
        site = "alpha" if terms else "Intercept"
        default = Prior("Normal", {"loc": f"{site}_loc", "scale": f"{site}_scale"})
        draft.unknown(site, regression.others.get("Intercept", default))
        parts.append(site)
    if not terms:
        if regression.ordinal:
            draft.value("cutpoints", "centred_cutpoints")
        return parts
    blocks = slope_blocks(regression)
    for block in blocks:
        plate = block.site.replace("beta", "coefficient")
        draft.plates[plate] = "X.shape[1]" if len(blocks) == 1 else f"n_{block.site}"
        draft.unknown(block.site, block.prior, "real", plate)
    if len(blocks) > 1:
        draft.value("beta", f"cat([{', '.join(block.site for block in blocks)}])")
    if regression.ordinal:
        draft.value("cutpoints", "centred_cutpoints + X_mean @ beta")
    elif regression.formula.population.intercept:
        draft.value("Intercept", "alpha - X_mean @ beta")
    return [*parts, "X @ beta"]


def _categories(draft: _Draft, regression: Regression) -> None:
    """Write the cutpoints of an ordinal response whose predictors are at their means.

    Their prior is that of the categories' probabilities there, as in rstanarm's `stan_polr`.
    """
    prior = regression.others.get("cutpoints", _CATEGORIES)
    if prior.flat:
        shape: list[int | str] = ["categories - 1"]
        form = ParameterForm(shape=shape, support="ordered_vector")
        draft.sites.append(Site(name="centred_cutpoints", parameter=form))
        draft.priors["centred_cutpoints"] = prior
        return
    concentration = f"full([categories], {float(prior.args['concentration']):.17g})"
    args = {"concentration": concentration}
    draft.sites.append(Site(name="probabilities", distribution="Dirichlet", args=args))
    draft.priors["probabilities"] = prior
    draft.value("centred_cutpoints", "logit(cumsum(probabilities, 0)[:-1])")


def several(group: GroupEffects, width: int) -> bool:
    """Return whether several effects vary together, so that they are correlated."""
    return width > 1 or (group.effects.intercept and bool(group.effects.terms))


def _varying(
    draft: _Draft, regression: Regression, group: GroupEffects, suffix: str, width: int
) -> str:
    """Write the effects that vary by a group; return their part of the linear predictor."""
    level, term, sd, z = (f"{part}_{suffix}" for part in ("level", "term", "sd", "z"))
    effect, index, matrix = f"effect_{suffix}", f"index_{suffix}", f"Z_{suffix}"
    draft.plates[level] = f"n_{suffix}"
    prior = regression.group_prior("sd", suffix)
    prior = prior or Prior("HalfNormal", {"scale": f"sd_scale_{suffix}"})
    standard = Prior("Normal", {"loc": 0, "scale": 1})
    if not several(group, width):
        draft.unknown(sd, prior, "positive")
        draft.unknown(z, standard, "real", level)
        draft.value(effect, f"{sd} * {z}")
        picked = f"{effect}[{index}]"
        return f"{matrix} * {picked}" if group.effects.terms else picked
    size = f"{matrix}.shape[1]"
    draft.plates[term] = size
    draft.unknown(sd, prior, "positive", term)
    correlations = regression.group_prior("cor", suffix) or _CORRELATIONS
    args = {"dim": size, **correlations.args}
    draft.unknown(f"chol_{suffix}", Prior("LKJCholesky", args, correlations.key))
    draft.unknown(z, standard, "real", level, term)
    draft.value(effect, f"{z} @ ({sd}[:, None] * chol_{suffix}).T")
    draft.value(f"cor_{suffix}", f"chol_{suffix} @ chol_{suffix}.T")
    return f"({matrix} * {effect}[{index}]).sum(-1)"
