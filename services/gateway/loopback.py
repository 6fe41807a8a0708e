"""Which names and addresses only this machine can reach."""

import ipaddress
from functools import lru_cache


# Nearly every request brings the same name, and reading it takes longer than finding it.
@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's loopback."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
