"""A result reads like its document and prints as tables."""

from services.client.result import Result

DOCUMENT = {
    "job": "j1",
    "outcome": "completed",
    "message": "All done.",
    "engine": {"kind": "nuts"},
    "seed": 7,
    "summary": {"mu": {"mean": 4.4, "sd": 3.3}},
    "diagnostics": {"warnings": [{"code": "r_hat", "message": "mu [bold] disagrees"}]},
}


def test_it_reads_like_the_document() -> None:
    result = Result(DOCUMENT)
    assert dict(result) == DOCUMENT
    assert len(result) == len(DOCUMENT)
    assert result["summary"]["mu"]["mean"] == 4.4
    assert result.get("mle") is None
    assert (result.job, result.outcome) == ("j1", "completed")
    assert result.warnings == DOCUMENT["diagnostics"]["warnings"]
    assert repr(result) == "<Result of job j1: completed, warnings: 1>"


def test_it_prints_as_tables_whatever_it_holds() -> None:
    text = str(Result(DOCUMENT))
    assert "completed: All done." in text
    assert "mu [bold] disagrees" in text
    assert "4.400" in text
    assert "nuts, seed 7" in text


def test_without_diagnostics_there_are_no_warnings() -> None:
    assert Result({"job": "j", "outcome": "converged", "diagnostics": None}).warnings == []
