"""The published posteriors: data, reference summaries, and the models in our languages."""

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = (
    "ar5",
    "earnings",
    "eight_schools",
    "gaussian_mixture",
    "gp_regression",
    "kidiq",
    "mesquite",
    "nes2000",
)
#: Written in both languages.
TWICE = ("ar5", "eight_schools", "gaussian_mixture", "kidiq")


@dataclass(frozen=True)
class Reference:
    """One scalar of a reference posterior, from `draws` independent draws."""

    mean: float
    sd: float
    q05: float
    median: float
    q95: float
    draws: int


def definition(name: str, language: str | None = None) -> dict[str, Any]:
    """The model as posted: the `pyro` text if there is one, else the `graph`."""
    text = HERE / "models" / f"{name}.py"
    if language != "graph" and text.exists():
        return {"language": "pyro", "source": text.read_text()}
    return json.loads((HERE / "models" / f"{name}.json").read_text())


def raw_data(name: str) -> dict[str, Any]:
    """Every array that was published with the posterior."""
    return json.loads((HERE / "data" / name / "data.json").read_text())


def reference(name: str) -> dict[tuple[str, int | None], Reference]:
    """Reference summaries by parameter and flat index from 0 (None: a scalar)."""
    published = json.loads((HERE / "data" / name / "reference.json").read_text())["reference"]
    result = {}
    for label, numbers in published.items():
        parameter, _, index = label.partition("[")
        key = (parameter, int(index.rstrip("]")) - 1 if index else None)
        result[key] = Reference(**numbers)
    return result


def data(name: str) -> dict[str, Any]:
    """The arrays that the model reads: a service refuses surplus ones."""
    posted = definition(name)
    if posted["language"] == "pyro":
        function = ast.parse(posted["source"]).body[0]
        assert isinstance(function, ast.FunctionDef)
        names = {argument.arg for argument in function.args.args}
    else:
        text = json.dumps(posted)
        words = text.translate({ord(c): " " for c in '"()[]{},:+-*/'}).split()
        names = set(words)
    return {key: value for key, value in raw_data(name).items() if key in names}
