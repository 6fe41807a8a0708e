"""What `workers/README.md` lists is what there is: options, fields, outcomes, warnings."""

import ast
import json
import re
import types
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from tests.docs.blocks import ROOT
from tests.docs.tables import codes, rows
from workers.engines import ENGINES, options_type
from workers.results import Outcome, Result

PAGE = "workers/README.md"


def options_of(kind: str) -> dict[str, str]:
    """The documented options of an engine and their defaults."""
    found: dict[str, str] = {}
    for name, default, meaning in rows(PAGE, rf"### .*`{kind}`"):
        only = re.match(r"`(\w+)` only", meaning)
        if only is None or only[1] == kind:
            found[name.strip("`")] = default.strip("`")
    return found


@pytest.mark.parametrize("kind", ENGINES)
def test_every_option_of_an_engine_is_there_with_its_default(kind: str) -> None:
    fields = options_type(ENGINES[kind]).model_fields
    defaults = {name: field.default for name, field in fields.items() if name != "kind"}
    documented = options_of(kind)
    assert set(documented) == set(defaults)
    for name, default in defaults.items():
        told = documented[name]
        assert (told if isinstance(default, str) else json.loads(told)) == default, name


def leaves(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every field of an answer by its path; `*` for a name that the user chose."""
    for name, field in model.model_fields.items():
        inner, star = _model_in(field.annotation)
        here = f"{path}{name}"
        if inner is None:
            yield here
        else:
            yield from leaves(inner, f"{here}.*." if star else f"{here}.")


def _model_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) in (dict, list, types.UnionType) or get_args(annotation):
        star = get_origin(annotation) is dict
        for argument in get_args(annotation):
            inner, below = _model_in(argument)
            if inner is not None:
                return inner, star or below
    return None, False


def test_every_field_of_a_result_is_there() -> None:
    documented = [code for first, _ in rows(PAGE, "## Results", 0) for code in codes(first)]
    assert len(documented) == len(set(documented))
    assert set(documented) == set(leaves(Result))


def test_every_outcome_is_there() -> None:
    documented = [code for first, _ in rows(PAGE, "## Results", 1) for code in codes(first)]
    assert sorted(documented) == sorted(Outcome)


def emitted() -> set[str]:
    """The codes of every `Warning(code=...)` and `Note(...)` in the source."""
    found: set[str] = set()
    for floor in ("models", "workers"):
        for path in (ROOT / floor).rglob("*.py"):
            found |= _codes_in(ast.parse(path.read_text()))
    return found


def _codes_in(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        given = [k.value for k in node.keywords if k.arg == "code"] or node.args[:1]
        if node.func.id in ("Warning", "Note") and given:
            found |= _constants(given[0], tree)
    return found


def _constants(node: ast.expr, tree: ast.Module) -> set[str]:
    """A text, or the texts that a loop gives to the name that stands there."""
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.Attribute):
        # A note that becomes a warning: its code is found where the note is made.
        return set()
    assert isinstance(node, ast.Name)
    loops = (n for n in ast.walk(tree) if isinstance(n, ast.For) and isinstance(n.iter, ast.Tuple))
    texts = {
        str(row.elts[0].value)
        for loop in loops
        if isinstance(loop.target, ast.Tuple) and ast.unparse(loop.target.elts[0]) == node.id
        for row in loop.iter.elts  # type: ignore[attr-defined]
        if isinstance(row, ast.Tuple) and isinstance(row.elts[0], ast.Constant)
    }
    assert texts, f"where does the code {node.id} come from?"
    return texts


def test_every_warning_is_there_with_what_to_do() -> None:
    documented = [
        code for first, _, _ in rows(PAGE, "## Warnings, and what to do") for code in codes(first)
    ]
    assert len(documented) == len(set(documented))
    assert set(documented) == emitted()
