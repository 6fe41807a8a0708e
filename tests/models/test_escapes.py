"""The corpus of escapes on every place of a definition that takes text."""

import time
from typing import Any

import pytest
import torch

from models.compile import check_model
from models.data import load_data
from models.definition import parse_definition
from models.draw_expression import DrawExpression
from models.errors import DefinitionError, ModelError, TooLargeError
from models.formula.terms import read_formula, read_term
from models.programs import build_program
from tests.escapes import COSTLY, TEXTS, label
from tests.models.running import body
from tests.watched import watched

#: Seconds in which a mistake is answered (API.md), on a machine that may be busy.
SOON = 5.0
DRAWS = {"y": torch.tensor([1.0, 2.0]).double(), "mu": torch.tensor([0.5, 0.1]).double()}
MU = {"name": "mu", "distribution": "Normal", "args": {"loc": 0, "scale": 1}}
Y = {"name": "y", "distribution": "Normal", "args": {"loc": "mu", "scale": 1}, "observed": "y"}


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """Import what a first model imports, before anybody watches."""
    check_model(parse_definition(graph({"name": "z", "value": "mu"})), load_data({"y": [0.5, 1.0]}))


def graph(site: dict[str, Any], **plates: Any) -> dict[str, Any]:
    return {"language": "graph", "plates": plates, "sites": [MU, site, Y]}


def placed(text: str) -> dict[str, dict[str, Any]]:
    """A graph with the text in each place that takes one, by the path of the place."""
    normal = {"name": "z", "distribution": "Normal"}
    args = {"loc": 0, "scale": 1}
    return {
        "model.sites[1].value": graph({"name": "z", "value": text}),
        "model.sites[1].value[1]": graph({"name": "z", "value": [0, text]}),
        "model.sites[1].log_factor": graph({"name": "z", "log_factor": text}),
        "model.sites[1].args.loc": graph({**normal, "args": {**args, "loc": text}}),
        "model.sites[1].observed": graph({**normal, "args": args, "observed": text}),
        "model.plates.p": graph({**normal, "args": args, "plates": ["p"]}, p=text),
        "model.sites[1].parameter.shape": graph({"name": "z", "parameter": {"shape": [text]}}),
        "model.sites[1].parameter.init": graph({"name": "z", "parameter": {"init": text}}),
        "model.sites[1].parameter.support": graph({"name": "z", "parameter": {"support": text}}),
        "model.sites[1].distribution": graph({**normal, "args": args, "distribution": text}),
        "model.sites[1].name": graph({**normal, "args": args, "name": text}),
    }


PLACES = sorted(placed("y"))


@pytest.mark.parametrize("place", PLACES)
def test_no_place_of_a_graph_is_a_way_out(place: str) -> None:
    for text in TEXTS:
        with watched(), pytest.raises(ModelError) as caught:
            build_program(parse_definition(placed(text)[place]))
        assert caught.value.path.startswith(place.partition("[1]")[0]), (text[:80], caught.value)
        assert caught.value.message, text[:80]


def test_the_places_take_texts_that_are_none() -> None:
    # Else the test above would say nothing of what is refused.
    good = {"distribution": "Normal", "name": "z", "support": "real", "shape": "1"}
    for place in PLACES:
        text = good.get(place.rpartition(".")[2], "1")
        build_program(parse_definition(placed(text)[place]))


@pytest.mark.parametrize("place", ["of", "probabilities[2]"])
def test_no_expectation_is_a_way_out(place: str) -> None:
    for text in TEXTS:
        with watched(), pytest.raises(DefinitionError) as caught:
            DrawExpression(text, DRAWS, place)
        assert caught.value.path == place, text[:80]


def test_no_formula_is_a_way_out() -> None:
    for text in TEXTS:
        for formula in (f"y ~ {text}", f"y ~ log({text})", f"y ~ (1 | {text})", f"{text} ~ mu"):
            with watched(), pytest.raises(DefinitionError) as caught:
                read_formula(formula)
            assert caught.value.path.startswith("formula, column "), (formula[:80], caught.value)
        with watched(), pytest.raises(DefinitionError):
            read_term(text)


@pytest.mark.parametrize("text", COSTLY, ids=label)
def test_what_would_take_all_there_is_is_refused_with_its_place(text: str) -> None:
    data = load_data({"y": [0.5, 1.0]})
    sources = {
        "model.sites[1].value": graph({"name": "z", "value": text}),
        "line 3, column ": {
            "language": "pyro",
            "source": body(
                "mu = pyro.sample('mu', dist.Normal(0., 1.))",
                f"z = {text}",
                "pyro.sample('y', dist.Normal(mu, 1.), obs=y)",
            ),
        },
    }
    for place, posted in sources.items():
        began = time.process_time()
        with watched(), pytest.raises(ModelError) as caught:
            check_model(parse_definition(posted), data)
        assert time.process_time() - began < SOON
        assert caught.value.path.startswith(place), caught.value


@pytest.mark.parametrize("text", COSTLY, ids=label)
def test_what_would_take_all_there_is_is_refused_over_draws(text: str) -> None:
    expression = DrawExpression(text, DRAWS, "of")
    began = time.process_time()
    with watched(), pytest.raises(ModelError) as caught:
        expression(DRAWS)
    assert time.process_time() - began < SOON
    assert caught.value.path == "of", caught.value


def test_memory_is_counted_over_all_draws() -> None:
    draws = {"mu": torch.zeros(1 << 20, dtype=torch.float64)}
    assert DrawExpression("mu + 1", draws, "of")(draws).shape == (1 << 20,)
    with pytest.raises(TooLargeError, match="over 1048576 draws") as caught:
        DrawExpression("sum(mu * ones(1000))", draws, "of")(draws)
    assert caught.value.path == "of"


@pytest.mark.parametrize("grown", ["x + x", "[x, x]", "(x, [x, x])"])
def test_lists_do_not_grow_without_end(grown: str) -> None:
    source = body(
        "x = [0, 1]",
        "for i in range(60):",
        f"    x = {grown}",
        "mu = pyro.sample('mu', dist.Normal(0., 1.))",
        "z = tensor(x)",
        "pyro.sample('y', dist.Normal(mu, 1.), obs=y)",
    )
    began = time.process_time()
    with pytest.raises(ModelError, match="entries") as caught:
        check_model(parse_definition({"language": "pyro", "source": source}), load_data({"y": 1.0}))
    assert time.process_time() - began < SOON
    assert caught.value.path.startswith("line 4, column ")
