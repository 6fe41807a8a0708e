"""What callers do, as a line of the log; what they are refused also as a row of the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from services.errors import MissingScopeError
from services.gateway.caller import Caller
from workers.store.errors import StoreError, StoreUnavailableError
from workers.store.store import Store

log = structlog.get_logger()


class Deed:
    """Something that is being done; who does it names its object once there is one."""

    def __init__(self, thing: str | None) -> None:
        self.thing = thing


@contextmanager
def audited(store: Store, caller: Caller, action: str, thing: str | None = None) -> Iterator[Deed]:
    """Watch over a block in which a caller does something; what it did the store has written.

    Args:
        store: has the audit log.
        caller: who.
        action: what, such as `submit_job`.
        thing: the id of what it is done to.
    """
    deed = Deed(thing)
    try:
        yield deed
    except StoreUnavailableError:
        raise
    except (StoreError, MissingScopeError) as error:
        store.accounts.note(caller.owner, caller.key, action, deed.thing, error.kind)
        _tell(caller, action, deed, error.kind)
        raise
    _tell(caller, action, deed, "done")


def _tell(caller: Caller, action: str, deed: Deed, outcome: str) -> None:
    log.info(
        "audited",
        action=action,
        object=deed.thing,
        owner=caller.owner,
        key=caller.key,
        outcome=outcome,
    )
