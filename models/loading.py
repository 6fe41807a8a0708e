"""Data for a definition: what it reads of them, and whether columns may hold texts."""

from collections.abc import Mapping
from typing import Any

from models.data import load_data
from models.definition import FormulaDefinition, ModelDefinition, StanDefinition
from models.formula.columns import Column, load_columns
from models.formula.regression import regression


def load_for(definition: ModelDefinition | None, raw: Mapping[str, Any]) -> Mapping[str, Column]:
    """Return what a definition takes of data: of a formula its columns, else all of them.

    Args:
        definition: the model; absent, they are arrays.
        raw: numbers and nested lists of numbers by name; for formulas also lists of texts.

    Raises:
        ModelError: with the path to the first entry that cannot be used, as `data.y[3]`.
    """
    if isinstance(definition, FormulaDefinition):
        return load_columns(raw, regression(definition).formula.named)
    # Stan's arrays may be empty.
    return load_data(raw, empty=isinstance(definition, StanDefinition))
