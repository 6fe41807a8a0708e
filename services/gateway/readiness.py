"""Readiness: whether a job would be taken and done, and what keeps it from that, in sentences."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from services.gateway.deps import Deps
from workers.store.artifacts import Artifacts
from workers.store.errors import StoreError

log = structlog.get_logger()

#: A dispatcher announces itself every 3 seconds; silence for longer is absence.
PRESENCE_SECONDS = 15.0
_MIB = 1 << 20


@dataclass
class Readiness:
    """What was found."""

    #: Part -> `ok`, or what it is instead.
    checks: dict[str, str] = field(default_factory=dict)
    #: A sentence for every part that is not.
    problems: list[str] = field(default_factory=list)
    #: What whoever runs the service should know, though it may do its work.
    notes: list[str] = field(default_factory=list)

    def put(self, part: str, state: str, problem: str = "") -> None:
        """Note how a part is."""
        self.checks[part] = state
        if state != "ok":
            self.problems.append(problem)

    @property
    def ready(self) -> bool:
        """Whether all is well."""
        return not self.problems


def look(deps: Deps) -> Readiness:
    """Look at everything that a job needs."""
    found = Readiness()
    _store(deps, found)
    _artifacts(deps, found)
    warm = deps.validator.ready()
    found.put(
        "checkers",
        "ok" if warm else "warming up",
        "No process that checks models is warm yet; wait some seconds.",
    )
    _workers(deps, found)
    return found


def _store(deps: Deps, found: Readiness) -> None:
    failure = _failure(deps.store.ping)
    state = "ok" if failure is None else "unreachable"
    found.put("store", state, "The database does not answer; look at it and its address.")


def _artifacts(deps: Deps, found: Readiness) -> None:
    artifacts, part = deps.artifacts, "artifacts"
    failure = _failure(lambda: artifacts.exists("inputs/none.json"))
    if failure is not None:
        found.put(part, "unreachable", f"The artifact store does not answer: {_why(failure)}.")
        return
    free, least = artifacts.free(), deps.settings.least_free_bytes
    if free is not None and free < least:
        found.put(
            part,
            "full",
            f"Only {free / _MIB:.0f} MiB are free where artifacts lie, and {least / _MIB:.0f} MiB "
            "are to be: delete jobs, or let them expire (CREDENCE_RETENTION_JOBS_DAYS).",
        )
        return
    failure = _failure(lambda: deps.writable.answer(lambda: _write(artifacts)))
    state = "ok" if failure is None else "read-only"
    found.put(part, state, f"Nothing can be written where artifacts lie: {_why(failure)}.")


def _write(artifacts: Artifacts) -> None:
    key = f"probes/{secrets.token_hex(8)}"
    artifacts.put(key, b"", durable=False)
    artifacts.delete(key)


def _workers(deps: Deps, found: Readiness) -> None:
    """Look at the workers, and at what their dispatchers complain of."""
    part = "workers"
    try:
        present = deps.store.present(PRESENCE_SECONDS)
    except StoreError:
        found.put(part, "unknown", "Whether there are workers, only the database knows.")
        return
    found.notes += [f"workers: {trouble}" for trouble in present.troubles]
    if present.dispatchers == 0:
        found.put(
            part,
            "no dispatcher",
            f"No dispatcher has spoken for {PRESENCE_SECONDS:.0f} seconds; start one, or look at "
            "its log.",
        )
    elif present.warm > 0:
        found.put(part, "ok")
    elif present.troubles:
        found.put(part, "none", f"There is no worker: {'; '.join(present.troubles)}.")
    else:
        found.put(part, "warming up", "No worker is warm yet; wait some seconds.")


def _failure(check: Callable[[], object]) -> Exception | None:
    try:
        check()
    except Exception as error:
        # Whatever keeps a part from answering, it is not ready.
        log.warning("not ready", action="fail_readiness", exc_info=error)
        return error
    return None


def _why(error: Exception | None) -> str:
    """Return what the system says, without the paths that it says it of: anybody may read it."""
    said = getattr(error, "strerror", None)
    return said or type(error).__name__
