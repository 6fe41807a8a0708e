"""Whether a caller's key still counts, while an answer goes on that began with it."""

import time

from fastapi.concurrency import run_in_threadpool

from services.gateway.authority import ROW_SECONDS
from services.gateway.caller import Caller
from workers.store.accounts import Accounts


class Standing:
    """Reads a key's row again every few seconds."""

    def __init__(self, accounts: Accounts, caller: Caller) -> None:
        """Trust a caller who has just been let in."""
        self._accounts, self._key = accounts, caller.key
        self._read = time.monotonic()

    async def lasts(self) -> bool:
        """Return False once the key has been revoked; a caller without one always stays."""
        now = time.monotonic()
        if self._key is None or now - self._read < ROW_SECONDS:
            return True
        self._read = now
        row = await run_in_threadpool(self._accounts.find_key, self._key)
        return row is not None and row.revoked_at is None
