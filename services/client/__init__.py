"""The Python client: `from services.client import AsyncClient, Client`."""

from services.client.async_client import AsyncClient
from services.client.client import Client
from services.client.errors import (
    ClientError,
    InputError,
    JobTimeoutError,
    ProblemError,
    UnreachableError,
)
from services.client.events import Event
from services.client.formula import formula
from services.client.result import Result

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "InputError",
    "JobTimeoutError",
    "ProblemError",
    "Result",
    "UnreachableError",
    "formula",
]
