"""Result: what a fit found."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console

from services.cli.tables import print_result


class Result(Mapping[str, Any]):
    """A result document: it reads like the HTTP answer and prints as tables.

    It also stands for its job wherever a job is asked for: `client.draws(result)`.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = dict(document)

    @property
    def job(self) -> str:
        """The job's id."""
        return str(self["job"])

    @property
    def outcome(self) -> str:
        """What became of the numbers: `converged`, `completed`, `max_iterations`, ..."""
        return str(self["outcome"])

    @property
    def warnings(self) -> list[dict[str, str]]:
        """What speaks against trusting the numbers, each `{"code", "message"}`."""
        return list((self.get("diagnostics") or {}).get("warnings") or [])

    def __getitem__(self, name: str) -> Any:
        return self._document[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)

    def __repr__(self) -> str:
        return f"<Result of job {self.job}: {self.outcome}, warnings: {len(self.warnings)}>"

    def __str__(self) -> str:
        console = Console(
            file=io.StringIO(), width=120, color_system=None, markup=False, emoji=False,
            highlight=False, force_jupyter=False,
        )  # fmt: skip
        with console.capture() as text:
            print_result(console, self)
        return text.get()
