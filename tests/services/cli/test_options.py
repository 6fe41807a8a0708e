"""`--set` reads JSON scalars into nested options."""

from typing import Any

import pytest

from services.cli.options import settings
from services.client.errors import InputError


@pytest.mark.parametrize(
    ("assignments", "options"),
    [
        ([], {}),
        (["draws=1000"], {"draws": 1000}),
        (["target_accept=0.9", "dense=true"], {"target_accept": 0.9, "dense": True}),
        (["guide=full_rank"], {"guide": "full_rank"}),
        (['guide="a b"', "tolerance=null"], {"guide": "a b", "tolerance": None}),
        (["until.r_hat=1.01", "until.ess_bulk=400"], {"until": {"r_hat": 1.01, "ess_bulk": 400}}),
        (["init=[1, 2]", "note=a=b"], {"init": [1, 2], "note": "a=b"}),
        (["tolerance=NaN"], {"tolerance": "NaN"}),
        (["tolerance=1e999"], {"tolerance": "1e999"}),
    ],
)
def test_values_are_json_and_else_text(assignments: list[str], options: dict[str, Any]) -> None:
    assert settings(assignments) == options


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        (["draws"], "write NAME=VALUE"),
        (["=3"], "write NAME=VALUE"),
        (["a..b=3"], "write NAME=VALUE"),
        (["a=1", "a.b=2"], "'a' has a value already"),
        (["a=1", "a=2"], "'a' is set twice"),
    ],
)
def test_mistakes_name_the_assignment(assignments: list[str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        settings(assignments)
    assert caught.value.path == f"--set {assignments[-1]}"
