"""A formula definition read: its terms, family, link, priors, and the names of its unknowns."""

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from models.binding import did_you_mean
from models.definition import FormulaDefinition, PriorForm
from models.errors import DefinitionError
from models.formula.columns import Level
from models.formula.families import FAMILIES, Family, Response
from models.formula.functions import TRIALS
from models.formula.priors import CATEGORIES, CORRELATIONS, POSITIVE, REAL, Prior, overriding
from models.formula.syntax import Call, Node, start, written
from models.formula.terms import Formula, Term, read_formula, read_term
from models.formula.tokens import refusal
from models.primitives import COLUMNS
from models.vocabulary import EXPRESSION_MODULES, is_function

#: Names of sites, plates and data that every formula's graph may have.
_TAKEN = frozenset(
    {
        "alpha",
        "alpha_loc",
        "alpha_scale",
        "beta",
        "beta_loc",
        "beta_scale",
        "categories",
        "centred_cutpoints",
        "coefficient",
        "cutpoints",
        "Intercept",
        "Intercept_loc",
        "Intercept_scale",
        "nu",
        "offset",
        "phi",
        "probabilities",
        "row",
        "shape",
        "sigma",
        "sigma_scale",
        "trials",
        "X",
        "X_mean",
    }
)
#: Names of blocks of slopes that differ in their priors.
_BLOCK = re.compile(r"(n_)?(beta|coefficient)_[0-9]+(_loc|_scale)?")
_SUFFIX_LENGTH = 48


@dataclass(frozen=True)
class Regression:
    """What a formula definition asks for."""

    formula: Formula
    family: Family
    link: str
    #: Of slopes by their term's key, where they are overridden.
    slopes: Mapping[frozenset[str], Prior]
    #: By class of unknown or name of site, where they are overridden.
    others: Mapping[str, Prior]
    #: The observed site, and the data that it observes.
    response: str
    #: By group: what the names of its sites, plates and data end in.
    suffixes: tuple[str, ...]

    @cached_property
    def ordinal(self) -> bool:
        """Whether cutpoints stand for the intercept."""
        return self.family.response is Response.ORDERED

    @property
    def centred(self) -> bool:
        """Whether the predictors are centred at their means, since there is an intercept."""
        return self.formula.population.intercept or self.ordinal

    def slope(self, term: Term | None) -> Prior | None:
        """Return the override for a term's coefficients, None for the default."""
        if term is not None and term.key in self.slopes:
            return self.slopes[term.key]
        return self.others.get("beta")

    def group_prior(self, kind: str, suffix: str) -> Prior | None:
        """Return the override for a group's `sd` or `cor`, None for the default."""
        return self.others.get(f"{kind}_{suffix}", self.others.get(kind))


@lru_cache(maxsize=256)
def _formula(text: str) -> Formula:
    return read_formula(text)


def regression(definition: FormulaDefinition) -> Regression:
    """Read a definition.

    Raises:
        DefinitionError: something in it cannot be used; has the path.
    """
    formula = _formula(definition.formula)
    family = FAMILIES[definition.family]
    link = family.link(definition.link)
    _check_response(formula.response, family)
    if family.response is Response.ORDERED and not formula.population.intercept:
        raise refusal(1, "an ordinal response has cutpoints for an intercept; leave `0` out")
    _check_levels(definition.levels, formula)
    names = _Names()
    suffixes = tuple(names.suffix(group.by.label) for group in formula.groups)
    response = names.take(_spelled(written(formula.response)))
    slopes, others = _priors(definition.priors, formula, family, suffixes)
    return Regression(formula, family, link, slopes, others, response, suffixes)


def _check_response(response: Node, family: Family) -> None:
    trials = isinstance(response, Call) and response.function in TRIALS
    if trials and family.response is not Response.TRIALS:
        raise refusal(
            start(response), f"counts out of trials are of the family binomial, not {family.name}"
        )
    if not trials and family.response is Response.TRIALS:
        raise refusal(
            start(response), "write p(successes, trials) before `~`, trials a column or a number"
        )


def _check_levels(levels: Mapping[str, Sequence[Level]], formula: Formula) -> None:
    for column, order in levels.items():
        path = f"model.levels.{column}"
        if column not in formula.columns:
            hint = did_you_mean(column, formula.columns) or "; remove it"
            raise DefinitionError(path, f"the formula does not name '{column}'{hint}")
        seen: set[Level] = set()
        for index, level in enumerate(order):
            if level in seen:
                raise DefinitionError(f"{path}[{index}]", "this level stands twice")
            seen.add(level)


def _priors(
    asked: Mapping[str, PriorForm], formula: Formula, family: Family, suffixes: Iterable[str]
) -> tuple[dict[frozenset[str], Prior], dict[str, Prior]]:
    terms = {term.key: term for term in formula.population.terms}
    classes = _classes(formula, family, suffixes)
    slopes: dict[frozenset[str], Prior] = {}
    others: dict[str, Prior] = {}
    for key, form in asked.items():
        term = _term_key(key)
        if term in terms:
            slopes[term] = overriding(key, form, REAL)
        elif key in classes:
            others[key] = overriding(key, form, classes[key])
        else:
            known = [*(term.label for term in terms.values()), *classes]
            hint = did_you_mean(key, known) or f"; write one of {', '.join(known)}"
            raise DefinitionError(f"model.priors.{key[:64]}", f"there is no such unknown{hint}")
    return slopes, others


def _classes(
    formula: Formula, family: Family, suffixes: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return what may have a prior of its own beside terms, and the distributions for it."""
    found: dict[str, tuple[str, ...]] = {}
    if formula.population.intercept and family.response is not Response.ORDERED:
        found["Intercept"] = REAL
    if formula.population.terms:
        found["beta"] = REAL
    found |= dict.fromkeys(family.auxiliary, POSITIVE)
    if family.response is Response.ORDERED:
        found["cutpoints"] = CATEGORIES
    if formula.groups:
        found |= {"sd": POSITIVE, "cor": CORRELATIONS}
    for suffix in suffixes:
        found |= {f"sd_{suffix}": POSITIVE, f"cor_{suffix}": CORRELATIONS}
    return found


def _term_key(text: str) -> frozenset[str] | None:
    try:
        return read_term(text).key
    except DefinitionError:
        return None


class _Names:
    """Names of a graph, each once and none a word of the language."""

    def __init__(self) -> None:
        self._taken = set(_TAKEN)

    def take(self, wanted: str) -> str:
        """Return the name, or one like it, and keep it."""
        name = wanted
        while name in self._taken or is_word(name):
            name += "_"
        self._taken.add(name)
        return name

    def suffix(self, label: str) -> str:
        """Return what the names of a group's sites, plates and data end in; keep them all."""
        wanted = suffix = _spelled(label)
        count = 1
        while any(name in self._taken or is_word(name) for name in group_names(suffix)):
            count += 1
            suffix = f"{wanted}_{count}"
        self._taken |= set(group_names(suffix))
        return suffix


def group_names(suffix: str) -> tuple[str, ...]:
    """Return the names of a group's sites, plates and data."""
    parts = "chol", "cor", "effect", "index", "level", "n", "sd", "sd_scale", "term", "z", "Z"
    return tuple(f"{part}_{suffix}" for part in parts)


def is_word(name: str) -> bool:
    """Return whether a graph may not use a name."""
    reserved = keyword.iskeyword(name) or name in EXPRESSION_MODULES or name in COLUMNS
    return reserved or is_function(name) or _BLOCK.fullmatch(name) is not None


def _spelled(label: str) -> str:
    """Return letters, digits and _ for a label: `log_weight` for `log(weight)`."""
    spelled = re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_")[:_SUFFIX_LENGTH]
    return spelled if spelled[:1].isalpha() else f"y_{spelled}".rstrip("_")
