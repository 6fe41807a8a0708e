"""The control of a run that nobody attends: for a run in memory, whose job has no row."""

from workers.plan import Plan
from workers.sink import StopReason


class Unattended:
    """Never stops a run, and keeps its plans."""

    def __init__(self) -> None:
        #: What the run has committed, in order; the last one counts.
        self.plans: list[Plan] = []

    def stop(self) -> StopReason | None:
        """Return None: go on."""
        return None

    def commit(self, plan: Plan) -> bool:
        """Take note of the plan."""
        self.plans.append(plan)
        return True
