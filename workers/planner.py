"""What a run may choose, chosen once: its engine's options, its tier and its threads.

See `plan.py` for why the choice stands on the job's row before the run acts on it.
"""

from pathlib import Path

import torch
from pydantic import TypeAdapter

from models.compile import CompiledDensity
from workers.choice import AutoOptions, choose
from workers.engines import AnyEngineOptions, engine_of
from workers.engines.engine import EngineOptions
from workers.plan import Plan
from workers.sink import Control
from workers.tier import Tier, Wish

_OPTIONS: TypeAdapter[EngineOptions] = TypeAdapter(AnyEngineOptions)


class Planner:
    """Chooses for one run, or follows what an earlier attempt chose."""

    def __init__(
        self,
        asked: EngineOptions,
        density: CompiledDensity,
        *,
        wish: Wish,
        cache_dir: Path,
        control: Control,
        plan: Plan | None = None,
    ) -> None:
        """Prepare the plan of a run.

        Args:
            asked: the engine's options as posted.
            density: of the run, interpreted.
            wish: the tier as posted.
            cache_dir: where compiled code is kept.
            control: writes the plan to the job's row.
            plan: what the row says from an earlier attempt.
        """
        self._asked, self._density, self._control = asked, density, control
        self._threads = plan.threads if plan else torch.get_num_threads()
        self._cache_dir, self._wish = cache_dir, wish
        #: What is on the row.
        self.plan = plan
        #: The engine's options, with nothing left to choose.
        self.options = asked if plan is None else _OPTIONS.validate_python(plan.engine)
        self._tier: Tier | None = None

    def begin(self) -> bool:
        """Choose and write down; return False if the run is to stop instead."""
        self._tier = self._start_tier()
        if self.plan is not None:
            return True
        why: list[str] = []
        if isinstance(self._asked, AutoOptions):
            self.options, why = choose(self._asked, self._density, self._threads)
        elif self._wish != "auto" or self._tier is None:
            # Nothing is left open: the request says it all.
            return True
        return self._commit(self._tier.compiled_from if self._tier else None, why)

    def before(self, step: int) -> bool:
        """Change the tier if it is time; return False if the run is to stop instead."""
        return self._tier is None or self._tier.before(step, self._record)

    @property
    def compiled_from(self) -> int | None:
        """The first step that the compiled tier computed; None where it computed none.

        A run may end between the step at which a change was written down and the change.
        """
        if self._tier is None or self._density.tier != "compiled":
            return None
        return self._tier.compiled_from

    def _start_tier(self) -> Tier | None:
        kind = None if isinstance(self._asked, AutoOptions) else engine_of(self._asked)
        if kind is not None and not kind.compiles:
            return None
        if self._wish == "auto" and self._density.device.type != "cpu":
            # Code is generated for CPUs; a GPU has its own way not to be slow (`models/captured`).
            return None
        tier = Tier(
            self._density,
            self._cache_dir,
            wish=self._wish,
            compiled_from=self.plan.compiled_from if self.plan else None,
            begun=self.plan is not None,
            threads=self._threads,
            stop=lambda: self._control.stop() is not None,
        )
        tier.start()
        return tier

    def _record(self, step: int) -> bool:
        return self._commit(step, list(self.plan.why) if self.plan else [])

    def _commit(self, compiled_from: int | None, why: list[str]) -> bool:
        self.plan = Plan(
            engine=self.options.model_dump(mode="json"),
            threads=self._threads,
            tier="compiled" if compiled_from == 0 else "interpreted",
            compiled_from=compiled_from,
            why=why,
        )
        return self._control.commit(self.plan)
