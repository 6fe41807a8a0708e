"""Tables show every entry of every quantity, and the warnings before them."""

import io
from typing import Any

from rich.console import Console

from services.cli.tables import (
    LONGEST,
    columns_table,
    datasets_table,
    entries,
    jobs_table,
    number,
    print_result,
    prior_lines,
)

SUMMARY: dict[str, Any] = {
    "mu": {
        "mean": 4.4, "sd": 3.3, "median": 4.3, "quantiles": {"0.05": -1.0, "0.95": 10.0},
        "mcse_mean": 0.05, "ess_bulk": 3210.4, "ess_tail": 2000.0, "r_hat": 1.0004,
    },
    "theta": {
        "mean": [6.0, 5.0], "sd": [1.0, 0.0], "median": [6.0, 5.0],
        "quantiles": {"0.05": [4.0, 5.0], "0.95": [8.0, 5.0]}, "mcse_mean": [0.1, None],
        "ess_bulk": [100.0, None], "ess_tail": [90.0, None], "r_hat": [1.02, None],
    },
}  # fmt: skip


def printed(result: dict[str, Any], width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    print_result(console, {"outcome": "completed", "message": "All done.", **result})
    return console.file.getvalue()  # type: ignore[attr-defined]


def row(text: str, name: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.split()[:1] == [name])
    return line.split()


def test_a_summary_has_a_row_per_entry() -> None:
    result = {"engine": {"kind": "nuts"}, "seed": 7, "summary": SUMMARY}
    text = printed({**result, "diagnostics": {"divergences": 3, "warnings": []}})
    assert "divergences 3\n" in text
    header = next(line for line in text.splitlines() if "mean" in line)
    columns = ["mean", "sd", "q5", "q95", "median", "mcse_mean", "ess_bulk", "ess_tail", "r_hat"]
    assert header.split() == columns
    mu = ["mu", "4.400", "3.300", "-1.000", "10.000", "4.300", "0.050", "3210", "2000", "1.000"]
    assert row(text, "mu") == mu
    assert row(text, "theta[1]")[-4:] == ["-", "-", "-", "-"]
    assert "nuts, seed 7" in text


def test_a_narrow_terminal_gets_fewer_numbers_not_cut_ones() -> None:
    text = printed({"engine": {"kind": "nuts"}, "summary": SUMMARY}, width=80)
    assert "…" not in text
    assert row(text, "mu") == ["mu", "4.400", "3.300", "-1.000", "10.000", "3210", "2000", "1.000"]


def test_nested_r_hat_stands_for_r_hat_where_it_judges() -> None:
    summary = {"mu": {**SUMMARY["mu"], "r_hat": 1.021, "nested_r_hat": 1.002}}
    for width in (80, 100):
        text = printed({"engine": {"kind": "chees"}, "summary": summary}, width=width)
        header = next(line for line in text.splitlines() if "mean" in line)
        assert header.split()[-1] == "nested_r_hat"
        assert row(text, "mu")[-1] == "1.002"
        assert "1.021" not in text


def test_warnings_come_before_the_numbers_whatever_they_hold() -> None:
    warnings = [{"code": "r_hat", "message": "theta[0] has R-hat 1.02 [bold]; run longer."}]
    text = printed(
        {
            "engine": {"kind": "nuts"},
            "summary": SUMMARY,
            "diagnostics": {"warnings": warnings},
        }
    )
    assert "theta[0] has R-hat 1.02 [bold]; run longer." in text
    assert text.index("warning: r_hat") < text.index("ess_bulk")


def test_profiles_and_the_test_of_a_restriction_are_told() -> None:
    wald = {"level": 0.9, "lower": 1.0, "upper": 3.0, "kind": "wald"}
    beta = {"value": 2.0, "standard_error": 0.5, "interval": wald}
    sigma = {"value": 1.0, "interval": {**wald, "lower": None, "kind": "profile"}}
    ratio = {"statistic": 3.84, "degrees_of_freedom": 1, "p_value": 0.05004}
    mle = {"estimate": {"beta": beta, "sigma": sigma}, "likelihood_ratio": ratio}
    text = printed({"engine": {"kind": "mle"}, "mle": mle})
    assert row(text, "sigma") == ["sigma", "1.000", "-", "-", "3.000"]
    assert "profile intervals: sigma\n" in text
    assert "restriction: likelihood ratio 3.84, 1 df, p 0.05004\n" in text
    without = {"statistic": None, "degrees_of_freedom": 1, "p_value": None}
    more = {"estimate": {"sigma": sigma}, "likelihood_ratio": without}
    text = printed({"engine": {"kind": "mle"}, "mle": more})
    assert "profile intervals: all\n" in text
    assert "restriction: no test\n" in text
    plain = printed({"engine": {"kind": "mle"}, "mle": {"estimate": {"beta": beta}}})
    assert "profile" not in plain


def test_estimates_have_errors_and_intervals_where_they_exist() -> None:
    interval = {"level": 0.9, "lower": 1.0, "upper": 3.0}
    beta = {"value": 2.0, "standard_error": 0.5, "interval": interval}
    mle = {"estimate": {"beta": beta}, "log_likelihood": -12.5, "aic": 29.0}
    text = printed({"engine": {"kind": "mle"}, "mle": mle})
    assert row(text, "beta") == ["beta", "2.000", "0.500", "1.000", "3.000"]
    assert "lower 90 %" in text
    assert "log likelihood -12.5, aic 29" in text
    bare = printed({"engine": {"kind": "mle"}, "mle": {"estimate": {"beta": {"value": [2.0]}}}})
    assert row(bare, "beta[0]") == ["beta[0]", "2.000", "-"]


def test_an_elbo_is_one_line() -> None:
    elbo = {"trace": [1.0], "steps": [1], "final": -31.25, "standard_error": 0.5}
    text = printed({"engine": {"kind": "vi"}, "elbo": elbo})
    assert "ELBO final -31.25, standard error 0.5" in text


def test_long_tables_are_cut_and_say_so() -> None:
    summary = {"x": {"mean": [0.0] * (LONGEST + 5), "quantiles": {}}}
    text = printed({"engine": {"kind": "nuts"}, "summary": summary})
    assert f"x[{LONGEST - 1}]" in text
    assert f"x[{LONGEST}]" not in text
    assert "and 5 more; " in text


def test_entries_of_matrices_have_both_indices() -> None:
    rows = list(entries("L", [[[1, 2], [3, 4]], None]))
    assert rows == [("L[0,0]", [1, None]), ("L[0,1]", [2, None]), ("L[1,0]", [3, None]),
                    ("L[1,1]", [4, None])]  # fmt: skip
    assert list(entries("empty", [[], None])) == []


def test_numbers_of_all_sizes() -> None:
    sizes = [0.0, 1e-9, 0.5, 1234.5678, 1e9]
    assert [number("mean", x) for x in sizes] == ["0.000", "1e-09", "0.500", "1234.568", "1e+09"]


def test_jobs_are_listed_with_what_went_wrong() -> None:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    jobs = [
        {"id": "a", "state": "running", "engine": {"kind": "vi"}, "seed": 1,
         "created_at": "2030-01-01T00:00:00.123Z", "progress": {"done": 3, "total": 9}},
        {"id": "b", "state": "failed", "error": {"detail": "no [initial] point"}},
    ]  # fmt: skip
    console.print(jobs_table(jobs))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert row(text, "a") == ["a", "running", "vi", "1", "2030-01-01T00:00:00", "3/9"]
    assert row(text, "b")[-3:] == ["no", "[initial]", "point"]


def test_data_sets_and_their_columns_are_listed() -> None:
    names = [f"c{k}" for k in range(12)]
    columns = [{"name": n, "dtype": "float64", "shape": [9, 2], "levels": None} for n in names]
    columns += [
        {"name": "[g]", "dtype": "text", "shape": [9], "levels": 3},
        {"name": "k", "dtype": "int64", "shape": [], "levels": None},
    ]
    dataset = {
        "id": "d" * 64, "columns": columns, "shapes": {c["name"]: c["shape"] for c in columns},
        "bytes": 720, "created_at": "2030-01-01T00:00:00.123Z",
    }  # fmt: skip
    console = Console(file=io.StringIO(), width=200, color_system=None, markup=False)
    console.print(datasets_table([dataset]))
    console.print(columns_table(dataset))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert row(text, "d" * 64)[1] == "9"
    assert "c9, and 4 more" in text
    assert row(text, "c0") == ["c0", "float64", "9", "x", "2"]
    assert row(text, "[g]") == ["[g]", "text", "9", "3"]
    assert row(text, "k") == ["k", "int64", "one", "number"]


def test_entries_bear_their_labels() -> None:
    labels = [["a", "b"], ["Intercept", "x"]]
    values = [1.0, 2.0, 3.0, 4.0]
    rows = list(entries("effect_g", [[values[:2], values[2:]]], labels))
    names = ["effect_g[a,Intercept]", "effect_g[a,x]", "effect_g[b,Intercept]", "effect_g[b,x]"]
    assert rows == [
        (name, [value]) for name, value in zip(names, [1.0, 2.0, 3.0, 4.0], strict=True)
    ]


def test_priors_are_lines() -> None:
    normal = {"distribution": "Normal", "args": {"loc": 0, "scale": 2.5}}
    flat = {"distribution": "ImproperUniform", "args": {}}
    assert list(
        prior_lines(
            [
                {"parameter": "beta", "term": "x", **normal, "default": True},
                {"parameter": "sigma", **flat, "default": False},
            ]
        )
    ) == ["beta[x] ~ Normal(loc=0, scale=2.5), default", "sigma ~ flat"]
