"""From a formula definition and its data to a graph definition and its arrays."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.definition import FormulaDefinition, GraphDefinition
from models.formula.columns import load_columns
from models.formula.defaults import Scales, scales
from models.formula.factors import Factors
from models.formula.graphs import Graph, build, slope_blocks
from models.formula.groups import grouped
from models.formula.legend import Labels, Legend, UsedPrior
from models.formula.matrices import Matrix, check_rank, design_matrix
from models.formula.regression import Regression, regression
from models.formula.responses import Observed, observed
from models.graph import GraphProgram

Array = NDArray[Any]


@dataclass(frozen=True)
class Designed:
    """A formula that has met its data."""

    definition: GraphDefinition
    #: Everything that the graph reads, by name.
    arrays: Mapping[str, Array]
    legend: Legend


def graph_of(definition: FormulaDefinition) -> GraphDefinition:
    """Return the graph that a formula stands for, whatever its data.

    One effect varies where the text does not tell how many: in `(0 + x | g)` with numbers for `x`.

    Raises:
        DefinitionError: something in it cannot be used; has the path.
    """
    return build(regression(definition), {}).definition


def columns_of(definition: FormulaDefinition) -> tuple[str, ...]:
    """Return the names of the columns that a formula reads.

    Raises:
        DefinitionError: as above.
    """
    return regression(definition).formula.columns


def design(definition: FormulaDefinition, data: Mapping[str, Any]) -> Designed:
    """Build what a formula stands for over its data; columns that it does not name are ignored.

    Args:
        definition: the formula.
        data: numbers and lists, arrays, or `Texts`, by name.

    Raises:
        ModelError: definition or data cannot be used; has the path.
    """
    asked = regression(definition)
    columns = load_columns(data, asked.formula.named)
    factors = Factors(columns, definition.levels)
    seen = observed(asked, factors)
    offset: Array = np.zeros(())
    for node in asked.formula.offsets:
        offset = offset + factors.numbers(node)
    scale = scales(asked, seen, offset)
    matrix = design_matrix(asked.formula.population, factors)
    groups = [
        grouped(effects, suffix, factors)
        for effects, suffix in zip(asked.formula.groups, asked.suffixes, strict=True)
    ]
    graph = build(asked, {group.suffix: len(group.labels) for group in groups})
    arrays = {**_observed_arrays(asked, seen, scale, offset), **_population(asked, matrix, scale)}
    labels = _labels(asked, seen, matrix)
    for group in groups:
        arrays |= group.arrays(scale)
        labels |= group.shown()
    names = GraphProgram(graph.definition).data_names
    priors = tuple(_used(asked, graph, arrays, matrix, labels))
    legend = Legend(labels, priors, graph.definition)
    return Designed(graph.definition, {name: arrays[name] for name in names}, legend)


def _observed_arrays(
    asked: Regression, seen: Observed, scale: Scales, offset: Array
) -> dict[str, Array]:
    arrays = {
        asked.response: seen.values,
        "offset": np.broadcast_to(offset, seen.values.shape),
        "sigma_scale": np.asarray(scale.deviation),
    }
    for site in ("alpha", "Intercept"):
        arrays[f"{site}_loc"] = np.asarray(scale.loc)
        arrays[f"{site}_scale"] = np.asarray(scale.intercept)
    if seen.trials is not None:
        arrays["trials"] = seen.trials
    if seen.levels is not None:
        arrays["categories"] = np.asarray(len(seen.levels))
    return arrays


def _population(asked: Regression, matrix: Matrix, scale: Scales) -> dict[str, Array]:
    """Return the design matrix, centred where there is an intercept, and its slopes' priors."""
    if not matrix.labels:
        return {}
    values = matrix.values
    arrays: dict[str, Array] = {"X": values}
    loc, spread = np.zeros(len(matrix.labels)), scale.slopes(values)
    for index, term in enumerate(matrix.terms):
        prior = asked.slope(term)
        if prior is not None and prior.distribution == "Normal":
            loc[index], spread[index] = prior.args["loc"], prior.args["scale"]
    if asked.centred:
        arrays["X_mean"] = values.mean(axis=0)
        # In place: the matrix may be most of the memory.
        values -= arrays["X_mean"]
    check_rank(matrix, values)
    for block in slope_blocks(asked):
        mine = np.array([term in block.terms for term in matrix.terms])
        arrays[f"{block.site}_loc"], arrays[f"{block.site}_scale"] = loc[mine], spread[mine]
        arrays[f"n_{block.site}"] = np.asarray(int(mine.sum()))
    return arrays


def _labels(asked: Regression, seen: Observed, matrix: Matrix) -> dict[str, Labels]:
    labels: dict[str, Labels] = {}
    if matrix.labels:
        labels["beta"] = (matrix.labels,)
        blocks = slope_blocks(asked)
        for block in blocks if len(blocks) > 1 else ():
            pairs = zip(matrix.labels, matrix.terms, strict=True)
            labels[block.site] = (tuple(label for label, term in pairs if term in block.terms),)
    if seen.levels is not None and asked.ordinal:
        cuts = tuple(f"{low}|{high}" for low, high in itertools.pairwise(seen.levels))
        labels["probabilities"] = (seen.levels,)
        labels["cutpoints"] = labels["centred_cutpoints"] = (cuts,)
    return labels


def _used(
    asked: Regression,
    graph: Graph,
    arrays: Mapping[str, Array],
    matrix: Matrix,
    labels: Mapping[str, Labels],
) -> Iterator[UsedPrior]:
    """Yield every prior with its numbers, an entry each where they differ by entry."""
    terms = dict(zip(matrix.labels, matrix.terms, strict=True))
    for site, prior in graph.priors.items():
        if site.startswith("z_"):
            continue
        named = {name: value for name, value in prior.args.items() if name != "dim"}
        values = {n: np.asarray(arrays[v] if isinstance(v, str) else v) for n, v in named.items()}
        vector = any(value.ndim for value in values.values())
        for index, label in enumerate(labels[site][0] if vector else (None,)):
            args = {n: float(v[index] if v.ndim else v) for n, v in values.items()}
            term = terms.get(label) if label is not None and site.startswith("beta") else None
            default = prior.key is None and (term is None or asked.slope(term) is None)
            yield UsedPrior(site, label, prior.distribution, args, default)
