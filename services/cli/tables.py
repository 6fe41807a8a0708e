"""Results and jobs as tables for a person."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.box import HORIZONTALS
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

#: Rows of a table after which the rest is only counted.
LONGEST = 100

#: A row: the name of one entry, then its numbers.
Row = tuple[str, list[float | None]]

_SUMMARY = ("mean", "sd", "median", "mcse_mean", "ess_bulk", "ess_tail", "r_hat")
#: For narrow terminals: a number cut off is worse than one left out.
_SHORT_SUMMARY = ("mean", "sd", "ess_bulk", "ess_tail", "r_hat")
#: Columns of a terminal that the whole summary needs.
_WIDE = 96
_EVIDENCE = ("laplace", "importance", "standard_error")
_FORMATS: dict[str, Callable[[float], str]] = {
    "ess_bulk": "{:.0f}".format,
    "ess_tail": "{:.0f}".format,
    "r_hat": "{:.3f}".format,
    "nested_r_hat": "{:.3f}".format,
}


def print_result(console: Console, result: Mapping[str, Any]) -> None:
    """Print a result: warnings first, then the tables, then how it was computed."""
    console.print(f"{result.get('outcome')}: {result.get('message', '')}", style="bold")
    for panel in warning_panels(result):
        console.print(panel)
    labels = result.get("labels") or {}
    if result.get("mle"):
        console.print(estimate_table(result["mle"]["estimate"], labels))
        if line := profile_line(result["mle"]["estimate"]):
            console.print(line)
        console.print(_line(result["mle"], ("log_likelihood", "log_prior", "aic", "bic")))
        if result["mle"].get("likelihood_ratio"):
            console.print(ratio_line(result["mle"]["likelihood_ratio"]))
    if result.get("summary"):
        fields = summary_fields(result["summary"], console.width)
        console.print(summary_table(result["summary"], fields, labels))
    diagnostics = result.get("diagnostics") or {}
    if diagnostics.get("divergences") is not None:
        console.print(_line(diagnostics, ("divergences",)))
    if result.get("elbo"):
        console.print(_line(result["elbo"], ("final", "standard_error", "pareto_k"), "ELBO "))
    if result.get("stein"):
        console.print(_line(result["stein"], ("final", "independent", "spread"), "Stein "))
    if result.get("approximation"):
        approximation = result["approximation"]
        console.print(_line(approximation["log_evidence"], _EVIDENCE, "log evidence "))
        console.print(_line(approximation, ("pareto_k",)))
    for line in prior_lines(result.get("priors") or []):
        console.print(line, style="dim", highlight=False, markup=False)
    seconds = result.get("timing", {}).get("total")
    took = f", {seconds:.2f} s" if seconds is not None else ""
    console.print(f"{result['engine']['kind']}, seed {result.get('seed')}{took}", style="dim")


def warning_panels(result: Mapping[str, Any], engine: str = "") -> list[Panel]:
    """Return one panel per warning; an engine's name stands in its title."""
    warnings = (result.get("diagnostics") or {}).get("warnings") or []
    return [
        Panel(
            Text(w["message"]),
            title=Text(f"{engine} warning: {w['code']}".strip()),
            border_style="yellow",
        )
        for w in warnings
    ]


def prior_lines(priors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each prior of a formula: `beta[x] ~ Normal(loc=0, scale=2.5), default`."""
    for prior in priors[:LONGEST]:
        entry = f"[{prior['term']}]" if prior.get("term") else ""
        args = ", ".join(f"{name}={value:.4g}" for name, value in prior["args"].items())
        drawn = f"{prior['distribution']}({args})" if args else "flat"
        default = ", default" if prior["default"] else ""
        yield f"{prior['parameter']}{entry} ~ {drawn}{default}"
    if len(priors) > LONGEST:
        yield f"and {len(priors) - LONGEST} more priors; --json shows all"


def summary_fields(summary: Mapping[str, Mapping[str, Any]], width: int) -> list[str]:
    """Return the numbers of a summary that a terminal of some width has room for.

    Where there is nested R-hat it stands for R-hat, which it replaces in judging: that of many
    short chains is above 1 even when they have all forgotten their starts.
    """
    shown = _SUMMARY if width >= _WIDE else _SHORT_SUMMARY
    nested = any(entry.get("nested_r_hat") is not None for entry in summary.values())
    return ["nested_r_hat" if nested and name == "r_hat" else name for name in shown]


def summary_table(
    summary: Mapping[str, Mapping[str, Any]],
    shown: Sequence[str],
    labels: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> Table:
    """Return a posterior summary, one row per scalar entry.

    Args:
        summary: of each quantity.
        shown: the numbers to show beside the quantiles, where there are any.
        labels: of entries, by quantity and dimension.
    """
    first = next(iter(summary.values()), {})
    quantiles = list(first.get("quantiles") or {})
    names = [
        name for name in shown if any(entry.get(name) is not None for entry in summary.values())
    ]
    fields = [*names[:2], *(f"q{100 * float(q):g}" for q in quantiles), *names[2:]]

    def column(entry: Mapping[str, Any], field: str) -> Any:
        if field in names:
            return entry.get(field)
        levels = entry.get("quantiles") or {}
        return next((levels[q] for q in levels if field == f"q{100 * float(q):g}"), None)

    rows = [
        row
        for name, entry in summary.items()
        for row in entries(
            name, [column(entry, field) for field in fields], (labels or {}).get(name, ())
        )
    ]
    return _table(fields, rows)


def estimate_table(
    estimate: Mapping[str, Mapping[str, Any]],
    labels: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> Table:
    """Return maximum-likelihood estimates with standard errors and intervals.

    Args:
        estimate: of each quantity.
        labels: as above.
    """
    levels = {e["interval"]["level"] for e in estimate.values() if e.get("interval")}
    level = f"{100 * min(levels):g} %" if levels else ""
    fields = ["estimate", "std. error"] + ([f"lower {level}", f"upper {level}"] if levels else [])
    rows = []
    for name, entry in estimate.items():
        interval = entry.get("interval") or {}
        columns = [entry["value"], entry.get("standard_error")]
        columns += [interval.get("lower"), interval.get("upper")] if levels else []
        rows += list(entries(name, columns, (labels or {}).get(name, ())))
    return _table(fields, rows)


def profile_line(estimate: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which intervals are from the profile likelihood; nothing where none is."""
    given = {name: e["interval"].get("kind") for name, e in estimate.items() if e.get("interval")}
    names = [name for name, kind in given.items() if kind == "profile"]
    if not names:
        return ""
    return f"profile intervals: {', '.join(names) if len(names) < len(given) else 'all'}"


def ratio_line(ratio: Mapping[str, Any]) -> str:
    """Return a likelihood-ratio test in one line."""
    degrees = ratio["degrees_of_freedom"]
    if ratio.get("statistic") is None:
        return "restriction: no test"
    statistic, p_value = ratio["statistic"], ratio["p_value"]
    return f"restriction: likelihood ratio {statistic:.6g}, {degrees} df, p {p_value:.4g}"


def jobs_table(jobs: Sequence[Mapping[str, Any]]) -> Table:
    """Return jobs, one row each."""
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    for name in ("id", "state", "engine", "seed", "created", "progress", "error"):
        # An id is there to be copied.
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for job in jobs:
        progress = job.get("progress") or {}
        done, total = progress.get("done"), progress.get("total")
        cells = [
            str(job["id"]),
            str(job["state"]),
            str((job.get("engine") or {}).get("kind", "")),
            str(job.get("seed", "")),
            str(job.get("created_at", ""))[:19],
            f"{done}/{total}" if total else "",
            str((job.get("error") or {}).get("detail", "")),
        ]
        table.add_row(*map(Text, cells))
    return table


def datasets_table(datasets: Sequence[Mapping[str, Any]]) -> Table:
    """Return data sets, one row each."""
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    for name in ("id", "rows", "columns", "bytes", "created"):
        table.add_column(name, overflow="fold", no_wrap=name == "bytes")
    for dataset in datasets:
        names = [str(column["name"]) for column in dataset["columns"]]
        rows = max((shape[0] for shape in dataset["shapes"].values() if shape), default=1)
        more = f", and {len(names) - 10} more" if len(names) > 10 else ""
        shown = (dataset["id"], rows, ", ".join(names[:10]) + more, dataset["bytes"])
        table.add_row(*(Text(str(cell)) for cell in (*shown, dataset["created_at"][:19])))
    return table


def keys_table(keys: Sequence[Mapping[str, Any]]) -> Table:
    """Return API keys, one row each."""
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    for name in ("id", "owner", "scopes", "quotas", "note", "created", "revoked"):
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for key in keys:
        quotas = (f"{n}={'none' if v is None else v}" for n, v in key["quotas"].items())
        shown = (key["id"], key["owner"], " ".join(key["scopes"]), " ".join(quotas), key["note"])
        dates = (key["created_at"][:19], (key["revoked_at"] or "")[:19])
        table.add_row(*map(Text, (*shown, *dates)))
    return table


def audit_table(entries: Sequence[Mapping[str, Any]]) -> Table:
    """Return entries of the audit log, one row each."""
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    names = ("at", "owner", "key_id", "action", "object", "outcome")
    for name in names:
        table.add_column(name.removesuffix("_id"), overflow="fold")
    for entry in entries:
        table.add_row(*(Text(str(entry[name] or "")) for name in names))
    return table


def columns_table(dataset: Mapping[str, Any]) -> Table:
    """Return a data set's columns, one row each."""
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    for name in ("column", "type", "shape", "levels"):
        table.add_column(name, overflow="fold")
    for column in dataset["columns"]:
        levels = column.get("levels")
        shape = " x ".join(map(str, column["shape"])) or "one number"
        cells = (column["name"], column["dtype"], shape, "" if levels is None else levels)
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table


def entries(
    name: str, columns: Sequence[Any], labels: Sequence[Sequence[str]] = ()
) -> Iterator[Row]:
    """Yield one row per scalar entry of a quantity.

    Args:
        name: the quantity.
        columns: its numbers, each a scalar or nested lists of one shape; None where there is none.
        labels: of its entries, by dimension; numbers from 0 where there are none.
    """
    shaped = next((column for column in columns if column is not None), None)
    if not isinstance(shaped, list):
        yield name, list(columns)
        return
    stem = f"{name[:-1]}," if name.endswith("]") else f"{name}["
    for index in range(len(shaped)):
        inner = [column[index] if isinstance(column, list) else None for column in columns]
        label = labels[0][index] if labels else index
        yield from entries(f"{stem}{label}]", inner, labels[1:])


def number(field: str, value: float | None) -> str:
    """Return a number as the table of that column shows it; a dash where there is none."""
    if value is None:
        return "-"
    form = _FORMATS.get(field)
    if form is not None:
        return form(value)
    return f"{value:.3f}" if 0.01 <= abs(value) < 1e5 or value == 0 else f"{value:.3g}"


def numbers_table(
    fields: Sequence[str], rows: Sequence[Row], form: Callable[[float], str]
) -> Table:
    """Return a table whose numbers are all shown in one form."""
    cells = [(name, ["-" if v is None else form(v) for v in values]) for name, values in rows]
    return _of_cells(fields, cells)


def _table(fields: Sequence[str], rows: Sequence[Row]) -> Table:
    cells = [
        (name, [number(field, value) for field, value in zip(fields, values, strict=True)])
        for name, values in rows[:LONGEST]
    ]
    return _of_cells(fields, cells, len(rows))


def _of_cells(
    fields: Sequence[str], rows: Sequence[tuple[str, list[str]]], count: int | None = None
) -> Table:
    """Return a table of the first rows; `count` says how many there are, if not these."""
    table = Table(box=HORIZONTALS, collapse_padding=True, pad_edge=False)
    table.add_column("", overflow="fold")
    for field in fields:
        table.add_column(field, justify="right", no_wrap=True)
    for name, cells in rows[:LONGEST]:
        table.add_row(Text(name), *cells)
    left = (len(rows) if count is None else count) - LONGEST
    if left > 0:
        table.caption = f"and {left} more; --json shows all"
    return table


def _line(document: Mapping[str, Any], names: Sequence[str], prefix: str = "") -> str:
    known = [(name, document[name]) for name in names if document.get(name) is not None]
    return prefix + ", ".join(f"{name.replace('_', ' ')} {value:.6g}" for name, value in known)
