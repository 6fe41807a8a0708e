"""Whose a key is. Argon2 is paid for once an hour and key, the row is read every few seconds."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from fastapi.concurrency import run_in_threadpool

from services.errors import BusyError, UnauthorizedError
from services.gateway.caller import Caller, caller_of
from services.keys import fits, id_of
from workers.store.accounts import Accounts
from workers.store.keys import StoredKey

#: Seconds within which a revocation is honoured: so long a row that was read counts.
ROW_SECONDS = 5.0
#: Seconds that a key which fitted its digest is remembered, and how many keys are.
VERIFIED_SECONDS, VERIFIED_KEYS = 3600.0, 1024
#: Keys that are compared with their digest at a time, and that may wait for it: guessing keys
#: costs the service no more than this.
_AT_A_TIME, _WAITING = 2, 32


@dataclass(frozen=True)
class _Verified:
    """A key that fitted its digest."""

    row: StoredKey
    #: When it was compared, and when its row was last read.
    compared: float
    read: float


class Authority:
    """Tells callers by their keys."""

    def __init__(
        self,
        accounts: Accounts,
        clock: Callable[[], float] = time.monotonic,
        compare: Callable[[str, str], bool] = fits,
    ) -> None:
        """Know nobody yet.

        Args:
            accounts: where the keys are.
            clock: tells seconds that never go back.
            compare: whether a digest is that of a key.
        """
        self._accounts, self._clock, self._compare = accounts, clock, compare
        self._limiter = CapacityLimiter(_AT_A_TIME)
        self._checking = 0
        #: By SHA-256 of the key, the least recently used first.
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def identify(self, key: str) -> Caller:
        """Return whose a key is.

        Raises:
            UnauthorizedError: it is none of ours, or it has been revoked.
            BusyError: too many unknown keys are being compared.
        """
        mark = hashlib.sha256(key.encode()).digest()
        now = self._clock()
        known = self._known(mark, now)
        if known is not None and now - known.read < ROW_SECONDS:
            return caller_of(known.row)
        row = await run_in_threadpool(self._row, key)
        if row is None:
            self._verified.pop(mark, None)
            raise UnauthorizedError(given=True)
        if known is None or known.row.digest != row.digest:
            await self._check(row, key)
            known = _Verified(row, now, now)
        self._remember(mark, _Verified(row, known.compared, now))
        return caller_of(row)

    def _known(self, mark: bytes, now: float) -> _Verified | None:
        found = self._verified.get(mark)
        if found is None or now - found.compared >= VERIFIED_SECONDS:
            return None
        self._verified.move_to_end(mark)
        return found

    def _row(self, key: str) -> StoredKey | None:
        identity = id_of(key)
        row = None if identity is None else self._accounts.find_key(identity)
        return row if row is not None and row.revoked_at is None else None

    async def _check(self, row: StoredKey, key: str) -> None:
        if self._checking >= _AT_A_TIME + _WAITING:
            raise BusyError("Too many keys are being checked; try again in a few seconds.")
        self._checking += 1
        try:
            fit = await to_thread.run_sync(self._compare, row.digest, key, limiter=self._limiter)
        finally:
            self._checking -= 1
        if not fit:
            raise UnauthorizedError(given=True)

    def _remember(self, mark: bytes, verified: _Verified) -> None:
        self._verified[mark] = verified
        self._verified.move_to_end(mark)
        while len(self._verified) > VERIFIED_KEYS:
            self._verified.popitem(last=False)
