"""A formula on its way to the service: `y ~ x + (1 | g)`, with a family and priors."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def is_formula(text: str) -> bool:
    """Return whether a text is a formula rather than a file's path."""
    return "~" in text and not text.startswith("~")


def formula(
    text: str,
    family: str = "gaussian",
    *,
    link: str | None = None,
    priors: Mapping[str, Mapping[str, Any]] | None = None,
    levels: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Any]:
    """Return the definition of a formula.

    Args:
        text: such as `y ~ x + (1 | g)`.
        family: what the response is distributed as.
        link: the family's own if absent.
        priors: by term or unknown, `{"distribution": "Normal", "args": {"loc": 0, "scale": 1}}`.
        levels: by column, the levels of a factor in their order.
    """
    definition: dict[str, Any] = {"language": "formula", "formula": text, "family": family}
    definition |= {"link": link} if link is not None else {}
    definition |= {"priors": {key: dict(prior) for key, prior in priors.items()}} if priors else {}
    definition |= {"levels": {key: list(v) for key, v in levels.items()}} if levels else {}
    return definition


def may_read_texts(definition: Mapping[str, Any]) -> bool:
    """Return whether a model's data may hold texts: a formula, or a model that has only an id."""
    return definition.get("language", "formula") == "formula"


def needed(definition: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the names in a formula's text, among them every column that it reads.

    None of a model that is no formula: it reads all of its data.
    """
    if definition.get("language") != "formula":
        return None
    return frozenset(_NAME.findall(str(definition.get("formula"))))
