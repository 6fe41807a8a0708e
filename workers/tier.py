"""Which tier computes which step of a run: interpreted at once, compiled as soon as it may.

A compiler works in the background while the first steps run interpreted. The step at which the run
changes over is written to the job's row beforehand, so that another attempt changes over at the
same one, waiting for the compiler there if need be: the same steps on the same tiers give the same
bits (`plan.py`).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import structlog
import torch

from models.compile import CompiledDensity
from models.density import Note
from models.native.values import UnsupportedError
from models.toolchain import ToolchainError
from workers.engines.native.runtime import load_runtime

log = structlog.get_logger()

#: What was asked for.
Wish = Literal["auto", "interpreted", "compiled"]
#: Steps between the one at which code was found ready and the one that it takes over at.
AHEAD = 1
#: The thread that a compiler works in.
BUILDER = "compiler"
#: Records from which step on the compiled tier computes; returns whether the run may go on.
Record = Callable[[int], bool]
#: Seconds between two looks at whether a run that waits for the compiler is to stop.
LOOK = 0.05


def _never() -> bool:
    return False


class Tier:
    """Moves one density to the compiled tier, at once or at a step of the run."""

    def __init__(
        self,
        density: CompiledDensity,
        cache_dir: Path,
        *,
        wish: Wish,
        compiled_from: int | None,
        begun: bool = False,
        threads: int = 1,
        stop: Callable[[], bool] = _never,
    ) -> None:
        """Prepare the tiers of a run.

        Args:
            density: of the run, interpreted.
            cache_dir: where compiled code is kept.
            wish: what was asked for.
            compiled_from: what the row says from an earlier attempt.
            begun: whether there was one: where its row names no step, the first ones were
                interpreted, and are again, though the code may be there by now.
            threads: how many may work on the compiled tier.
            stop: whether the run is to stop: it then waits for the compiler no longer.
        """
        self._threads, self._stop = threads, stop
        self._density, self._cache_dir = density, cache_dir
        self._wish, self._begun = wish, begun
        #: The step from which the compiled tier computes; None: not (yet).
        self.compiled_from = compiled_from
        #: Why there is no compiled tier.
        self.problem: str | None = None
        self._builder: threading.Thread | None = None

    def start(self) -> None:
        """Compile before the first step where that was asked for or costs nothing."""
        if self._wish == "interpreted" and self.compiled_from is None:
            return
        ready = self._ready()
        if self.problem is not None:
            return
        at_once = self._wish == "compiled" or self.compiled_from == 0
        self._builder = threading.Thread(target=self._build, name=BUILDER, daemon=True)
        self._builder.start()
        if (at_once or (ready and not self._begun)) and self._is_built(self._builder):
            self._builder = None
            self._switch(0)

    def before(self, step: int, record: Record) -> bool:
        """Change over if it is time; return False if the run is to stop instead.

        Args:
            step: the number of the step that comes next.
            record: writes the step at which the tier changes to the job's row.
        """
        if self._builder is None:
            return True
        if self.compiled_from is None and not self._builder.is_alive() and self.problem is None:
            if not record(step + AHEAD):
                return False
            self.compiled_from = step + AHEAD
        if self.compiled_from is not None and step >= self.compiled_from:
            # On another attempt the compiler may still be at work: it is waited for here.
            if not self._is_built(self._builder):
                return False
            self._builder = None
            self._switch(self.compiled_from)
        return True

    def _is_built(self, builder: threading.Thread) -> bool:
        """Wait for the compiler; return False if the run is to stop first.

        The compiler goes on, and what it makes is kept for the next who asks.
        """
        while builder.is_alive():
            builder.join(LOOK)
            if builder.is_alive() and self._stop():
                return False
        return True

    def _ready(self) -> bool:
        found: list[bool] = []
        with self._falling_back():
            found.append(self._density.native_program().ready(self._cache_dir))
        return found == [True]

    def _build(self) -> None:
        with self._falling_back():
            load_runtime(self._cache_dir)
            self._density.native_program().build(self._cache_dir)

    @contextmanager
    def _falling_back(self) -> Iterator[None]:
        """Stay interpreted, with the reason, whatever goes wrong: the numbers are the same."""
        try:
            yield
        except (UnsupportedError, ToolchainError) as error:
            self._fail(str(error))
        except Exception:
            # A mistake of ours in generating code must not cost anybody a fit.
            log.exception("no code generated", action="stay_interpreted")
            self._fail("no code could be generated for this model; the operator's log says why")

    def _switch(self, step: int) -> None:
        if self.problem is None:
            with self._falling_back():
                self._density.compile(self._cache_dir, threads=self._threads)
                self.compiled_from = step
                # The runtime has threads of its own: torch's, which spin while they wait, would
                # make it five times slower where cores are few.
                torch.set_num_threads(1)

    def _fail(self, problem: str) -> None:
        self.problem = problem
        log.warning("not compiled", action="stay_interpreted", cause=problem)
        message = f"Computed on the interpreted tier, which is slower: {problem}"
        self._density.notes = (*self._density.notes, Note("not_compiled", message))
