"""Results of several engines side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import HORIZONTALS
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from services.cli.tables import LONGEST, Row, entries, number, warning_panels

#: Characters: more than any table takes.
_UNBOUNDED = 100_000


def print_fits(console: Console, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Print several results of one model: warnings first, then one table, then a line each.

    Engines for which there is no room beside the others stand in further tables.

    Args:
        console: where to.
        results: documents by engine.
    """
    for kind, result in results.items():
        for panel in warning_panels(result, kind):
            console.print(panel)
    for together in _fitting(console, results):
        console.print(comparison_table(together))
    for kind, result in results.items():
        seconds = (result.get("timing") or {}).get("total")
        took = f" ({seconds:.2f} s, seed {result.get('seed')})" if seconds is not None else ""
        console.print(f"{kind}: {result.get('outcome')}: {result.get('message', '')}{took}")


def _fitting(
    console: Console, results: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Mapping[str, Any]]]:
    """Yield the results in groups whose tables are as wide as the console at the most."""
    unbounded = console.options.update(width=_UNBOUNDED)
    together: dict[str, Mapping[str, Any]] = {}
    for kind, result in results.items():
        more = {**together, kind: result}
        wanted = Measurement.get(console, unbounded, comparison_table(more)).maximum
        if together and wanted > console.width:
            yield together
            more = {kind: result}
        together = more
    yield together


def comparison_table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table with a row per entry of any result and two columns per engine.

    They are mean and standard deviation of a posterior, or an estimate and its standard error.
    """
    columns = {kind: dict(_rows(result)) for kind, result in results.items()}
    # In the order of their first appearance; engines may know different quantities.
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    table.add_column("", overflow="fold")
    for kind, result in results.items():
        for field in _fields(result):
            table.add_column(Text(f"{kind}\n{field}"), justify="right", no_wrap=True)
    for name in names[:LONGEST]:
        pairs = [column.get(name, [None, None]) for column in columns.values()]
        table.add_row(Text(name), *(number("", value) for pair in pairs for value in pair))
    if len(names) > LONGEST:
        table.caption = f"and {len(names) - LONGEST} more; --json shows all"
    return table


def _fields(result: Mapping[str, Any]) -> tuple[str, str]:
    return ("estimate", "std. error") if result.get("mle") else ("mean", "sd")


def _rows(result: Mapping[str, Any]) -> Iterator[Row]:
    if result.get("mle"):
        found = result["mle"]["estimate"]
        of_each = {name: (e["value"], e.get("standard_error")) for name, e in found.items()}
    else:
        found = result.get("summary") or {}
        of_each = {name: (e["mean"], e.get("sd")) for name, e in found.items()}
    labels = result.get("labels") or {}
    for name, both in of_each.items():
        yield from entries(name, both, labels.get(name, ()))
