"""When a gateway asks for keys: by where it is bound, unless told."""

import pytest

from services.gateway.settings import GatewaySettings


@pytest.mark.parametrize(
    ("host", "insecure", "require_keys", "asks"),
    [
        ("127.0.0.1", False, False, False),
        ("localhost", True, False, False),
        ("::1", False, True, True),
        ("0.0.0.0", False, False, True),
        ("10.0.0.1", True, False, False),
        ("10.0.0.1", True, True, True),
    ],
)
def test_keys_are_asked_for_elsewhere(
    host: str, insecure: bool, require_keys: bool, asks: bool
) -> None:
    settings = GatewaySettings(host=host, insecure=insecure, require_keys=require_keys)
    assert settings.asks_for_keys is asks
