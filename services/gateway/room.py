"""Room for one more job: asked for before its data are stored."""

from contextlib import suppress

from services.gateway.caller import Caller
from services.gateway.deps import Deps
from workers.store.connection import dump_json
from workers.store.errors import JobNotFoundError, QuotaExceededError


def check_room(deps: Deps, caller: Caller, size: int) -> None:
    """Refuse so many more bytes than the caller may store.

    An ended job counts with the draws that it might have made, until somebody has no room: then all
    that ended are weighed.

    Raises:
        QuotaExceededError: the quota would be exceeded.
    """
    quotas = caller.terms(deps.settings).quotas
    accounts = deps.store.accounts
    try:
        accounts.check_bytes(caller.owner, quotas, size)
    except QuotaExceededError:
        if not _weigh(deps, caller.owner):
            raise
        accounts.check_bytes(caller.owner, quotas, size)


def _weigh(deps: Deps, owner: str) -> bool:
    """Replace what ended jobs might take by what they do; return whether there were any."""
    accounts, some = deps.store.accounts, False
    while found := accounts.unweighed(owner):
        some = True
        accounts.weigh(owner, {job: _size(deps, owner, job) for job in found})
    return some


def _size(deps: Deps, owner: str, job_id: str) -> int:
    # One that has just been deleted is weighed in vain.
    with suppress(JobNotFoundError):
        job = deps.store.get_job(owner, job_id)
        stored = (job.input_key, f"jobs/{job.id}")
        return len(dump_json(job.definition)) + sum(map(deps.artifacts.size, stored))
    return 0
