"""A run that nobody attends goes on and keeps its plans."""

from workers.plan import Plan
from workers.unattended import Unattended


def test_it_goes_on_and_keeps_its_plans() -> None:
    control = Unattended()
    plan = Plan(engine={"kind": "nuts"}, threads=1, tier="interpreted")
    later = plan.model_copy(update={"compiled_from": 3})
    assert control.commit(plan)
    assert control.commit(later)
    assert control.plans == [plan, later]
    assert control.stop() is None
