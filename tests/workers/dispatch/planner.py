"""In place of a job's work: a run that commits a plan, and tells how it came out."""

from models.cache import Cache
from tests.workers.dispatch.house import PLAN
from workers.dispatch.task import Receipt, Task
from workers.execute import Emit
from workers.jobs import JobState
from workers.sink import Control


def plan_and_tell(
    task: Task, emit: Emit, control: Control, cache: Cache | None, device: str
) -> Receipt:
    """Commit `PLAN` where the task has none, and emit what it had and whether it may be used."""
    committed = task.plan is not None or control.commit(PLAN)
    emit("log", {"found": task.plan, "committed": committed})
    return Receipt(state=JobState.SUCCEEDED if committed else JobState.CANCELLED)
