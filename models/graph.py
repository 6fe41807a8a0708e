"""The `graph` form: sites in order, each a distribution, a value, a log factor or a parameter."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from models.budget import operations
from models.context import Context, Value
from models.definition import GraphDefinition, Site
from models.errors import ModelError
from models.expressions import EVALUATION_ERRORS, placed
from models.graph_scope import Scope
from models.graph_terms import DistributionTerm, ExpressionTerm, ParameterTerm, read_term
from models.primitives import Primitives
from models.program import AbstractProgram

#: A site's parts after reading: only the part of its form is set.
Term = DistributionTerm | ExpressionTerm | ParameterTerm


class GraphProgram(AbstractProgram):
    """A checked graph.

    Raises:
        DefinitionError: with the path to what breaks the rules.
    """

    def __init__(self, definition: GraphDefinition) -> None:
        self._definition = definition
        scope = Scope(definition)
        self._sizes = {
            name: read_term(scope, size, f"model.plates.{name}", data_only=True)
            for name, size in definition.plates.items()
        }
        self._observed = {
            site.name: read_term(scope, site.observed, f"{_path(i)}.observed", data_only=True)
            for i, site in enumerate(definition.sites)
            if site.observed is not None
        }
        scope.close_data()
        self._terms: list[Term] = []
        for index, site in enumerate(definition.sites):
            self._terms.append(_read_site(scope, site, _path(index)))
            scope.enter(site.name)
        self.data_names = tuple(scope.data)

    def run(self, data: Mapping[str, Value], context: Context) -> None:
        """Compute the sites in order."""
        _Run(context, {name: data[name] for name in self.data_names}).graph(
            self._definition, self._sizes, self._observed, self._terms
        )


def _path(index: int) -> str:
    return f"model.sites[{index}]"


def _read_site(scope: Scope, site: Site, path: str) -> Term:
    if site.distribution is not None:
        return DistributionTerm(scope, site.distribution, site.args or {}, path)
    if site.parameter is not None:
        return ParameterTerm(scope, site.parameter, f"{path}.parameter")
    field = "value" if site.value is not None else "log_factor"
    return read_term(scope, getattr(site, field), f"{path}.{field}")


class _Run:
    """One run of a graph."""

    def __init__(self, context: Context, names: dict[str, Value]) -> None:
        self._context = context
        self._names = names
        self._primitives = Primitives(context)
        self._budget = operations()
        self._plates: dict[tuple[str, int], Any] = {}

    def graph(
        self,
        definition: GraphDefinition,
        sizes: Mapping[str, ExpressionTerm],
        observed: Mapping[str, ExpressionTerm],
        terms: list[Term],
    ) -> None:
        """Compute the plates' sizes and the observed values, then every site."""
        data = dict(self._names)
        size = {name: term.value(self._context, data, self._budget) for name, term in sizes.items()}
        seen = {
            name: term.value(self._context, data, self._budget) for name, term in observed.items()
        }
        for index, (site, term) in enumerate(zip(definition.sites, terms, strict=True)):
            value = self._site(site, term, size, seen.get(site.name), _path(index))
            # A site may bear its data's name; the name goes on meaning the data.
            self._names.setdefault(site.name, value)

    def _site(
        self, site: Site, term: Term, size: Mapping[str, Value], seen: Value, path: str
    ) -> Value:
        match term:
            case DistributionTerm():
                return self._sampled(site, term, size, seen, path)
            case ParameterTerm():
                return self._parameter(site, term)
            case ExpressionTerm():
                value = term.value(self._context, self._names, self._budget)
                try:
                    if site.log_factor is not None:
                        self._primitives.factor(site.name, value)
                    else:
                        self._primitives.deterministic(site.name, value)
                except (ModelError, *EVALUATION_ERRORS) as error:
                    raise placed(error, term.path) from error
                return value

    def _parameter(self, site: Site, term: ParameterTerm) -> Value:
        return term.value(self._context, self._names, site.name, self._primitives, self._budget)

    def _sampled(
        self, site: Site, term: DistributionTerm, size: Mapping[str, Value], seen: Value, path: str
    ) -> Value:
        fn = term.value(self._context, self._names, self._primitives, self._budget)
        try:
            with ExitStack() as stack:
                names = site.plates or []
                for place, name in enumerate(names):
                    plate = self._plate(name, size[name], place - len(names))
                    stack.enter_context(self._primitives.inside(plate))
                return self._primitives.sample(site.name, fn, seen)
        except ModelError as error:
            where = path if seen is None else f"{path}.observed"
            raise placed(error, where) from error
        except EVALUATION_ERRORS as error:
            raise placed(error, path) from error

    def _plate(self, name: str, size: Value, dim: int) -> Any:
        """Return the plate at a dimension; its indices are sampled once."""
        if (name, dim) not in self._plates:
            # Pyro wants one name for one dimension; a plate may stand at several.
            taken = any(other == name for other, _ in self._plates)
            unique = f"{name}@{-dim}" if taken else name
            try:
                self._plates[name, dim] = self._primitives.bare_plate(unique, size, dim)
            except (ModelError, *EVALUATION_ERRORS) as error:
                raise placed(error, f"model.plates.{name}") from error
        return self._plates[name, dim]
