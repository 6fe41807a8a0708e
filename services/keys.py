"""API keys as text: `credence_ID_SECRET`. The id is public; of the whole only a digest is kept.

The digest is Argon2id (RFC 9106). A secret of 256 random bits withstands guessing by itself, so
OWASP's least parameters do (19 MiB, two passes), and a request does not wait for more.
"""

import re
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: What a key may do: read what its owner has, change it, see what all owners did.
SCOPES = ("read", "submit", "admin")

_KEY = re.compile(r"credence_([a-z2-7]{12})_[A-Za-z0-9_-]{43}\Z")
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True)
class NewKey:
    """A key that has just been made; its text is shown once and then lost."""

    id: str
    text: str

    @property
    def digest(self) -> str:
        """What is kept of it; another one each time."""
        return _HASHER.hash(self.text)


def make_key() -> NewKey:
    """Draw a key."""
    identity = "".join(secrets.choice(_LETTERS) for _ in range(12))
    return NewKey(identity, f"credence_{identity}_{secrets.token_urlsafe(32)}")


def id_of(text: str) -> str | None:
    """Return the id in a key; None where it is no key."""
    found = _KEY.match(text)
    return None if found is None else found[1]


def fits(digest: str, text: str) -> bool:
    """Return whether a digest is that of a key; takes about 20 ms and 19 MiB."""
    try:
        return _HASHER.verify(digest, text)
    except (VerificationError, InvalidHashError):
        return False
