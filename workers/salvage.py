"""What can be told about a run that was ended by force: its draws, as far as they were written."""

import math
from importlib.metadata import version

from workers.answer import write
from workers.dispatch.task import Receipt, Task
from workers.jobs import JobState
from workers.plan import Plan
from workers.results import Diagnostics, Outcome, Result, Timing, Warning
from workers.store.artifacts import RESULT, Artifacts
from workers.store.draws import ArrowDraws
from workers.summaries import summarize

#: Numbers of all draws that are summarised: whoever cancels a job waits for it.
MOST = 1 << 24
_KILLED = (
    "The run did not stop when it was asked to and was ended by force, so its diagnostics are "
    "missing and its last draws may be; submit the job again with smaller steps of work, such as "
    "fewer chains or a lower max_tree_depth, to get them."
)
_MANY = " There are too many draws to be summarised in time: they are to be fetched as they are."


def salvage(task: Task, state: JobState, seconds: float) -> Receipt:
    """Write a partial `result.json` from the draws under the task's prefix, if there are any.

    Args:
        task: what was to be done.
        state: how the job ends, `cancelled` or `expired`.
        seconds: how long the run went on.
    """
    artifacts = Artifacts(task.artifacts)
    draws = ArrowDraws(artifacts, task.prefix)
    if not draws.draws:
        return Receipt(state=state)
    size = draws.chains * draws.draws * sum(math.prod(draws.shape(n)) for n in draws.names())
    few = size <= MOST
    killed = Warning(code="killed", message=_KILLED if few else _KILLED + _MANY)
    plan = Plan.model_validate(task.plan) if task.plan else None
    result = Result(
        outcome=Outcome.STOPPED,
        message=Outcome.STOPPED.sentence,
        summary=summarize(draws) if few else None,
        diagnostics=Diagnostics(warnings=[killed]),
        job=task.job,
        engine=plan.engine if plan else task.engine,
        seed=task.seed,
        version=version("credence-inference"),
        # Which tier a run that went on meanwhile had come to, only its plan tells.
        tier="compiled" if plan and plan.compiled_from is not None else "interpreted",
        compiled_from=plan.compiled_from if plan else None,
        choice=plan.why or None if plan else None,
        precision=task.precision,
        partial=True,
        timing=Timing(queued=task.queued_seconds, total=seconds),
    )
    artifacts.put(f"{task.prefix}/{RESULT}", write(result))
    return Receipt(state=state, result=True)
