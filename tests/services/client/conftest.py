"""Both faces of the client, by turns."""

from typing import Any

import pytest

from services.client import Client
from tests.services.client.awaited import Awaited


@pytest.fixture(params=[Client, Awaited], ids=["blocking", "async"])
def connect(request: pytest.FixtureRequest) -> Any:
    return request.param
