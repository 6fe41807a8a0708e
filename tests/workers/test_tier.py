"""When a run changes its tier, and what happens when it cannot."""

import threading
import time
from pathlib import Path

import pytest
import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.toolchain import default_cache
from models.traced import TracedDensity
from tests.models.running import EIGHT, body
from tests.workers.slow_compiler import slow_compiler
from workers.tier import AHEAD, Tier, Wish

#: Steps that are as long as a small model's; compiling the runtime and a model takes seconds.
STEPS, STEP_SECONDS = 120_000, 0.001


def density(*lines: str) -> TracedDensity:
    text = lines or (
        "mu = pyro.sample('mu', dist.Normal(0.0, 5.0))",
        "pyro.sample('y', dist.Normal(mu, sigma), obs=y)",
    )
    source = body(*text, arguments="y, sigma")
    return compile_model(parse_definition({"language": "pyro", "source": source}), load_data(EIGHT))


def tier(
    on: TracedDensity, wish: Wish, compiled_from: int | None = None, cache: Path | None = None
) -> Tier:
    return Tier(on, cache or default_cache(), wish=wish, compiled_from=compiled_from)


class Row:
    """The steps that were written to the job's row."""

    def __init__(self, answer: bool = True) -> None:
        self.steps: list[int] = []
        self._answer = answer

    def record(self, step: int) -> bool:
        self.steps.append(step)
        return self._answer


def steps_until_compiled(of: Tier, on: TracedDensity, row: Row) -> int:
    """Take steps until the density has changed over; return the first compiled one."""
    for step in range(STEPS):
        assert of.before(step, row.record)
        if on.tier == "compiled":
            return step
        time.sleep(STEP_SECONDS)
    raise AssertionError("it never changed over")


def test_what_was_compiled_before_is_used_from_the_first_step() -> None:
    on = density()
    tier(on, "compiled").start()
    again = density()
    second = tier(again, "auto")
    second.start()
    assert (on.tier, again.tier, second.compiled_from) == ("compiled", "compiled", 0)


def test_interpreted_stays_interpreted() -> None:
    on, row = density(), Row()
    one = tier(on, "interpreted")
    one.start()
    assert all(one.before(step, row.record) for step in range(50))
    assert (on.tier, one.compiled_from, row.steps) == ("interpreted", None, [])


def test_a_new_model_changes_over_at_a_step_written_down_before(tmp_path: Path) -> None:
    on, row = density(), Row()
    one = tier(on, "auto", cache=tmp_path)
    one.start()
    assert on.tier == "interpreted", "the first steps do not wait for the compiler"
    at = steps_until_compiled(one, on, row)
    assert row.steps == [at]
    assert one.compiled_from == at
    assert at >= AHEAD


def test_another_attempt_changes_over_at_the_same_step(tmp_path: Path) -> None:
    on, row = density(), Row()
    one = tier(on, "auto", compiled_from=3, cache=tmp_path)
    one.start()
    seen = []
    for step in range(5):
        assert one.before(step, row.record)
        seen.append(on.tier)
    assert seen == ["interpreted"] * 3 + ["compiled"] * 2
    assert row.steps == [], "the row says it already"


def test_it_does_not_change_over_when_the_row_is_not_ours_any_more(tmp_path: Path) -> None:
    on, row = density(), Row(answer=False)
    one = tier(on, "auto", cache=tmp_path)
    one.start()
    going = True
    for step in range(STEPS):
        going = one.before(step, row.record)
        if not going:
            break
        time.sleep(STEP_SECONDS)
    assert (going, on.tier) == (False, "interpreted")


def test_without_a_compiler_it_stays_interpreted_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    on, row = density(), Row()
    one = tier(on, "compiled", cache=tmp_path)
    one.start()
    assert one.before(0, row.record)
    assert on.tier == "interpreted"
    assert [note.code for note in on.notes] == ["not_compiled"]
    assert "no C++ compiler" in on.notes[0].message


def test_an_operation_without_a_rule_is_named(tmp_path: Path) -> None:
    on = density(
        "mu = pyro.sample('mu', dist.Normal(0.0, 5.0))",
        "k = eye(2) * (1.0 + exp(mu))",
        "pyro.factor('f', -logdet(k + 0.1 * outer(y[:2], y[:2])))",
        "pyro.sample('y', dist.Normal(mu, sigma), obs=y)",
    )
    tier(on, "compiled", cache=tmp_path).start()
    assert on.tier == "interpreted"
    assert "aten" in on.notes[-1].message


def test_both_tiers_agree(tmp_path: Path) -> None:
    on = density()
    z = torch.linspace(-3, 3, 21, dtype=torch.float64)[:, None]
    before = on.value_and_grad(z), on.constrain(z)
    tier(on, "compiled", cache=tmp_path).start()
    after = on.value_and_grad(z), on.constrain(z)
    torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("compiled_from", [None, 0, 3])
def test_a_run_that_is_to_stop_waits_for_no_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled_from: int | None
) -> None:
    on, row, asked = density(), Row(), threading.Event()
    wish: Wish = "compiled" if compiled_from is None else "auto"
    with slow_compiler(tmp_path, monkeypatch) as compiler:
        one = Tier(on, default_cache(), wish=wish, compiled_from=compiled_from, stop=asked.is_set)
        timer = threading.Timer(0.5, asked.set)
        timer.start()
        began = time.monotonic()
        one.start()
        # It goes on for as long as it does not need the code.
        steps = [one.before(step, row.record) for step in range(compiled_from or 0)]
        going = one.before(compiled_from or 0, row.record)
        taken = time.monotonic() - began
        compiler.wait()
    assert 0.4 < taken < 2.5
    assert all(steps)
    # Asked for from the start it has not begun to step: whoever started it looks for itself.
    assert going is (compiled_from is None)
    assert on.tier == "interpreted"
    assert row.steps == []
    timer.join()
