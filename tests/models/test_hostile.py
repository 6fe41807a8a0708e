"""Whatever is posted as a model: a description, or an error that is ours, and soon."""

import time
import warnings
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.compile import check_model
from models.data import load_data
from models.definition import parse_definition
from models.errors import ModelError
from models.programs import build_program
from tests.models.hostile import DATA, EXPRESSIONS, GRAPHS, SOURCES

#: Seconds in which a mistake is answered (API.md), on a machine that may be busy.
SOON = 5.0
FUZZ = settings(
    derandomize=True,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def answered(posted: Any) -> None:
    """Check a model as the gateway does: it passes, or is refused with a path and a sentence."""
    began = time.process_time()
    error = _refusal(posted)
    assert time.process_time() - began < SOON
    assert error is None or (error.path and error.message)


def _refusal(posted: Any) -> ModelError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            definition = parse_definition(posted)
            read = build_program(definition).data_names
            check_model(definition, load_data({k: v for k, v in DATA.items() if k in read}))
    except ModelError as error:
        return error
    return None


@FUZZ
@given(SOURCES)
def test_sources(source: str) -> None:
    answered({"language": "pyro", "source": source})


@FUZZ
@given(GRAPHS)
def test_graphs(definition: dict[str, Any]) -> None:
    answered(definition)


@FUZZ
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_texts(text: str) -> None:
    answered({"language": "pyro", "source": text})
    answered({"language": "pyro", "source": f"def model(y):\n    z = {text}\n"})


@FUZZ
@given(EXPRESSIONS, st.integers(0, 30), st.characters())
def test_expressions_with_a_character_in_them(text: str, place: int, character: str) -> None:
    changed = text[:place] + character + text[place:]
    site = {"name": "w", "value": changed}
    answered({"language": "graph", "plates": {}, "sites": [site]})
