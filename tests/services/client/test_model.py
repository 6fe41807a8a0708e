"""Whatever a model comes as, what is sent is a definition."""

from pathlib import Path
from typing import Any

import pytest

from services.client.errors import InputError
from services.client.model import definition


def tiny(y):
    pyro.factor("f", y)  # noqa: F821


def test_a_function_a_mapping_and_files(tmp_path: Path) -> None:
    source = 'def tiny(y):\n    pyro.factor("f", y)\n'
    pyro_model = {"language": "pyro", "source": source}
    assert definition(tiny) == pyro_model
    (tmp_path / "tiny.py").write_text("import pyro\n" + source)
    assert definition(tmp_path / "tiny.py") == {**pyro_model, "source": "\n" + source}
    (tmp_path / "tiny.json").write_text('{"language": "graph", "sites": []}')
    assert definition(str(tmp_path / "tiny.json")) == {"language": "graph", "sites": []}
    assert definition({"id": "abc"}) == {"id": "abc"}


def test_a_stan_program_is_a_file_or_its_text(tmp_path: Path) -> None:
    source = "// a comment\nparameters { real a; }\nmodel { a ~ normal(0, 1); }\n"
    (tmp_path / "tiny.stan").write_text(source)
    wanted = {"language": "stan", "source": source}
    assert definition(tmp_path / "tiny.stan") == wanted
    assert definition(str(tmp_path / "tiny.stan")) == wanted
    assert definition(source) == wanted


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("m.r", "", r"ends in \.py, \.stan or \.json"),
        ("m.json", "1", "write one object"),
        ("m.py", "\xff", "is not UTF-8"),
    ],
)
def test_files_that_are_no_model(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=sentence):
        definition(tmp_path / name)


@pytest.mark.parametrize("model", [None, 3, [1]])
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(InputError, match="give a Pyro function"):
        definition(model)
