"""What a run chooses, what it writes down, and that the next attempt follows it."""

import time

import pytest
from pydantic import TypeAdapter

from models.toolchain import default_cache
from tests.workers.test_tier import density
from workers.engines import AnyEngineOptions
from workers.engines.engine import EngineOptions
from workers.plan import Plan
from workers.planner import Planner
from workers.tier import Wish
from workers.unattended import Unattended

OPTIONS: TypeAdapter[EngineOptions] = TypeAdapter(AnyEngineOptions)
NUTS = {"kind": "nuts", "chains": 2, "warmup": 10, "draws": 10}


class Refusing(Unattended):
    """The job's row is not ours any more."""

    def commit(self, plan: Plan) -> bool:
        super().commit(plan)
        return False


def planner(
    engine: dict[str, object], wish: Wish, control: Unattended, plan: Plan | None = None
) -> Planner:
    return Planner(
        OPTIONS.validate_python(engine),
        density(),
        wish=wish,
        cache_dir=default_cache(),
        control=control,
        plan=plan,
    )


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """The model has been compiled before, so that no test waits for it."""
    assert planner(NUTS, "compiled", Unattended()).begin()


def test_a_request_that_leaves_nothing_open_writes_nothing() -> None:
    for wish in ("interpreted", "compiled"):
        control = Unattended()
        one = planner(NUTS, wish, control)
        assert one.begin()
        assert (control.plans, one.plan) == ([], None)
        assert one.options == OPTIONS.validate_python(NUTS)


def test_the_tier_that_auto_found_is_written_down() -> None:
    control = Unattended()
    one = planner(NUTS, "auto", control)
    assert one.begin()
    (plan,) = control.plans
    assert (plan.tier, plan.compiled_from, one.compiled_from) == ("compiled", 0, 0)
    assert OPTIONS.validate_python(plan.engine) == OPTIONS.validate_python(NUTS)


def test_an_engine_that_does_not_compile_leaves_nothing_open() -> None:
    control = Unattended()
    one = planner({"kind": "mle"}, "auto", control)
    assert one.begin()
    assert (control.plans, one.compiled_from) == ([], None)
    assert all(one.before(step) for step in range(3))


def test_auto_becomes_an_engine_with_explicit_options_and_says_why() -> None:
    control = Unattended()
    one = planner({"kind": "auto", "until": {"ess_bulk": 500}}, "auto", control)
    assert one.begin()
    (plan,) = control.plans
    assert plan.engine["kind"] == "chees"
    assert plan.engine["until"] == {"ess_bulk": 500.0, "r_hat": 1.01}
    assert plan.why
    assert all(sentence.endswith(".") for sentence in plan.why)
    assert one.options == OPTIONS.validate_python(plan.engine)


def test_the_next_attempt_follows_the_plan_and_measures_nothing() -> None:
    plan = Plan(engine=NUTS, threads=1, tier="compiled", compiled_from=0, why=["As before."])
    control = Unattended()
    one = planner({"kind": "auto"}, "auto", control, plan)
    assert one.begin()
    assert one.options == OPTIONS.validate_python(NUTS)
    assert (one.plan, one.compiled_from, control.plans) == (plan, 0, [])


def test_a_run_whose_plan_is_refused_does_not_begin() -> None:
    assert not planner(NUTS, "auto", Refusing()).begin()


def test_an_attempt_that_began_interpreted_is_repeated_so_though_the_code_is_there() -> None:
    plan = Plan(engine=NUTS, threads=1, tier="interpreted")
    control = Unattended()
    one = planner(NUTS, "auto", control, plan)
    assert one.begin()
    assert (one.compiled_from, control.plans) == (None, []), "as the row says"
    step = 0
    while one.compiled_from is None:
        assert one.before(step)
        step += 1
        time.sleep(0.001)
    (after,) = control.plans
    assert (after.tier, after.compiled_from) == ("interpreted", one.compiled_from)
    assert one.compiled_from > 0


def test_a_change_that_was_written_down_but_not_made_is_not_told() -> None:
    plan = Plan(engine=NUTS, threads=1, tier="interpreted", compiled_from=5)
    one = planner(NUTS, "auto", Unattended(), plan)
    assert one.begin()
    assert all(one.before(step) for step in range(5))
    assert one.compiled_from is None
    assert one.before(5)
    assert one.compiled_from == 5
