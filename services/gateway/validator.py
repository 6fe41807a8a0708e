"""Validator: checks models in warm child processes, under limits of memory and time.

A model is evaluated once before it is accepted, and that evaluation is somebody else's idea: it
may want more memory or time than there is. So it happens in a child that can be killed, never in
the gateway itself. Nothing but JSON passes between the two.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from models import errors as model_errors
from models.errors import TooLargeError
from services.errors import BusyError
from services.gateway.checker import Checker, CheckerColdError, CheckerDiedError
from services.gateway.json import canonical

log = structlog.get_logger()

#: Seconds of processor time for a log density: its first gradient is recorded operation by
#: operation, which a check of the input can do without.
EVALUATION_SECONDS = 30.0
#: Answers that are kept, the latest used.
CACHE_SIZE = 512
#: Seconds that a request waits for a free checker, for one to get warm, and for its answer:
#: what these take on a machine that is busy with other things.
PATIENCE = 120.0


class Validator:
    """A small pool of checkers. Safe to use from many threads; every method blocks."""

    def __init__(self, checkers: int = 2, seconds: float = 4.5, memory: int = 2 * 2**30) -> None:
        """Start the checkers; they get warm while the gateway already answers.

        Args:
            checkers: child processes.
            seconds: of processor time that one check may take.
            memory: bytes that one check may take beyond a warm, idle checker's.
        """
        self._seconds = seconds
        self._memory = memory
        self._size = checkers
        self._free = [Checker(memory) for _ in range(checkers)]
        self._waiting = threading.Condition()
        self._answers: OrderedDict[str, Mapping[str, Any]] = OrderedDict()
        self._closed = False

    def close(self) -> None:
        """End the checkers."""
        with self._waiting:
            self._closed = True
            free, self._free = self._free, []
        for checker in free:
            checker.kill()

    def ready(self) -> bool:
        """Return whether a checker is warm, or busy with a question already."""
        with self._waiting:
            if self._closed:
                return False
            try:
                warm = any(checker.warm() for checker in self._free)
            except CheckerColdError:
                # The next question replaces it.
                return False
            return warm or len(self._free) < self._size

    def check(self, definition: Any, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Check a model, with its data when given, and describe it.

        Args:
            definition: a posted definition, as JSON.
            data: numbers and nested lists by name; None checks the definition alone.

        Returns:
            `models.compile.ModelDescription` as JSON.

        Raises:
            ModelError: it cannot be used; `path` says where.
            BusyError: no checker was free for a long time.
        """
        task = {"task": "check", "definition": definition, "data": data}
        return self._ask({**task, "seconds": self._seconds})

    def log_density(
        self, definition: Any, data: Mapping[str, Any], where: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Evaluate a model's log density and its gradient at one point.

        Args:
            definition: as above.
            data: as above.
            where: `{"at": {name: value}}` or `{"unconstrained": [...]}`.

        Raises:
            ModelError, BusyError: as above.
        """
        return self._evaluated("log_density", definition, data, where=where)

    def derivatives(
        self, definition: Any, data: Mapping[str, Any], asked: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Differentiate a part of a model's log density at one point.

        Args:
            definition: as above.
            data: as above.
            asked: as `services.gateway.derivatives.derivatives`.

        Raises:
            ModelError, BusyError: as above.
        """
        return self._evaluated("derivatives", definition, data, asked=asked)

    def evidence(self, definition: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the log evidence of a model of one or two unknowns, by quadrature.

        Raises:
            ModelError, BusyError: as above.
        """
        return self._evaluated("evidence", definition, data)

    def observations(self, definition: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        """Name the dimensions of a model's sites and give what it has observed.

        Returns:
            As `services.gateway.observations.observations`.

        Raises:
            ModelError, BusyError: as above.
        """
        task = {"task": "observations", "definition": definition, "data": data}
        return _result(self._run({**task, "seconds": EVALUATION_SECONDS}))

    def log_likelihood(
        self, definition: Any, data: Mapping[str, Any], points: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Evaluate every observation's log likelihood at many points.

        Args:
            definition: as above.
            data: as above.
            points: packed constrained values by parameter, `K x shape`.

        Returns:
            Packed arrays by observed site, `K x ...`.

        Raises:
            ModelError, BusyError: as above.
        """
        task = {"task": "log_likelihood", "definition": definition, "data": data, "points": points}
        return _result(self._run({**task, "seconds": EVALUATION_SECONDS}))

    def expressions(
        self, texts: Mapping[str, str], known: Sequence[str], draws: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Evaluate expressions at many draws.

        Args:
            texts: by where each stands in the request.
            known: the names of all quantities.
            draws: packed values, `K x shape`, of those that are read.

        Returns:
            Packed arrays by place, `K x ...`.

        Raises:
            ModelError, BusyError: as above.
        """
        task = {"task": "expressions", "texts": texts, "known": list(known), "draws": draws}
        return _result(self._run({**task, "seconds": EVALUATION_SECONDS}))

    def _evaluated(
        self, task: str, definition: Any, data: Mapping[str, Any], **more: Any
    ) -> dict[str, Any]:
        """Ask for something of a model with its data, whose answer is worth remembering."""
        asked = {"task": task, "definition": definition, "data": data, **more}
        return self._ask({**asked, "seconds": EVALUATION_SECONDS})

    def _ask(self, task: Mapping[str, Any]) -> dict[str, Any]:
        digest = hashlib.sha256(canonical(task)).hexdigest()
        answer = self._remembered(digest)
        if answer is None:
            answer = self._run(task)
            self._remember(digest, answer)
        return _result(answer)

    def _remembered(self, digest: str) -> Mapping[str, Any] | None:
        with self._waiting:
            if digest in self._answers:
                self._answers.move_to_end(digest)
            return self._answers.get(digest)

    def _remember(self, digest: str, answer: Mapping[str, Any]) -> None:
        with self._waiting:
            self._answers[digest] = answer
            while len(self._answers) > CACHE_SIZE:
                self._answers.popitem(last=False)

    def _run(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        checker = self._take()
        try:
            return checker.ask(task, PATIENCE)
        except CheckerColdError:
            self._log("checker did not start", "replace_checker")
            checker = self._replaced(checker)
            raise BusyError("Models cannot be checked at the moment; try again later.") from None
        except TimeoutError:
            self._log("check timed out", "kill_checker")
            checker = self._replaced(checker)
            raise TooLargeError(
                "model",
                f"one evaluation takes longer than {task['seconds']:g} s; use fewer loop steps, "
                "array operations instead of loops, or less data",
            ) from None
        except CheckerDiedError:
            self._log("checker died", "replace_checker")
            checker = self._replaced(checker)
            raise TooLargeError(
                "model",
                f"the check of this model ended its process, which may take {self._memory} "
                "bytes of memory; use smaller shapes",
            ) from None
        finally:
            self._give(checker)

    def _take(self) -> Checker:
        until = time.monotonic() + PATIENCE
        with self._waiting:
            while not self._free:
                left = until - time.monotonic()
                if self._closed or left <= 0 or not self._waiting.wait(left):
                    raise BusyError
            # The longest idle: after a kill the others go first while the new one gets warm.
            return self._free.pop(0)

    def _give(self, checker: Checker) -> None:
        with self._waiting:
            if not self._closed:
                self._free.append(checker)
                self._waiting.notify()
                return
        checker.kill()

    def _replaced(self, checker: Checker) -> Checker:
        checker.kill()
        return Checker(self._memory)

    def _log(self, event: str, action: str) -> None:
        log.warning(event, action=action, memory=self._memory)


def _result(answer: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        cls = getattr(model_errors, answer["error"]["class"])
        raise cls(answer["error"]["path"], answer["error"]["message"])
    result: dict[str, Any] = answer["result"]
    return result
