"""How many processes answer, and what each has of the helpers."""

import sys

import pytest

from services.gateway.settings import GatewaySettings


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="one process elsewhere")
@pytest.mark.parametrize(
    ("processes", "helpers", "each"), [(1, 2, 2), (2, 2, 1), (2, 3, 2), (4, 2, 1), (2, 0, 0)]
)
def test_helpers_are_shared_out(processes: int, helpers: int, each: int) -> None:
    settings = GatewaySettings(gateway_processes=processes)
    assert settings.processes == processes
    assert settings.share(helpers) == each


def test_elsewhere_one_process_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert GatewaySettings(gateway_processes=4).processes == 1
