"""Plans: whole, consistent, and the same after a way through JSON."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from workers.plan import Plan

FIELDS: dict[str, Any] = {"engine": {"kind": "nuts"}, "threads": 2, "tier": "interpreted"}


def test_it_crosses_json_bit_for_bit() -> None:
    numbers = {"a": 0.1 + 0.2, "b": 5e-324, "c": 2**63 - 1, "d": [1e308, -0.0]}
    plan = Plan(**{**FIELDS, "engine": {"kind": "nuts", **numbers}, "why": ["It was fastest."]})
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again == plan
    assert repr(again.engine) == repr(plan.engine)


def test_a_plan_says_no_more_than_it_knows() -> None:
    plan = Plan(**FIELDS)
    assert (plan.compiled_from, plan.why) == (None, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": 1},
        {"threads": 0},
        {"tier": "auto"},
        {"compiled_from": -1},
        {"tier": "compiled"},
        {"tier": "compiled", "compiled_from": 7},
        {"compiled_from": 0},
    ],
    ids=str,
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Plan(**{**FIELDS, **wrong})


@pytest.mark.parametrize("tier", [("compiled", 0), ("interpreted", None), ("interpreted", 137)])
def test_the_tiers_that_there_are(tier: tuple[str, int | None]) -> None:
    plan = Plan(**{**FIELDS, "tier": tier[0], "compiled_from": tier[1]})
    assert (plan.tier, plan.compiled_from) == tier


def test_who_only_passes_it_on_needs_no_torch() -> None:
    program = "import sys, workers.dispatch.dispatcher; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
