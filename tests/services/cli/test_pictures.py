"""`credence plot` against a scripted service."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from tests.services.client.server import Answer, Script, serving

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture
def script() -> Script:
    found = Script()
    found.on("GET /v1/jobs/j/plots/trace", Answer(SVG))
    return found


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with serving(script) as address:
        yield address


def plot(url: str, *arguments: str) -> Any:
    return CliRunner().invoke(app, ["plot", *arguments, "--server", url])


def test_a_plot_goes_to_a_file_or_to_the_standard_output(
    script: Script, url: str, tmp_path: Path
) -> None:
    target = tmp_path / "trace.svg"
    ended = plot(url, "j", "trace", "-o", str(target), "--parameters", "mu,theta[0]")
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert target.read_bytes() == SVG
    assert script.asked[0].path == "/v1/jobs/j/plots/trace?parameters=mu%2Ctheta%5B0%5D"
    assert plot(url, "j", "trace", "--partial").stdout_bytes == SVG
    assert script.asked[1].path == "/v1/jobs/j/plots/trace?partial=true"


def test_json_tells_about_the_file_or_holds_the_picture(url: str, tmp_path: Path) -> None:
    target = tmp_path / "trace.svg"
    ended = plot(url, "j", "trace", "-o", str(target), "--json")
    assert json.loads(ended.stdout) == {"path": str(target), "bytes": len(SVG)}
    assert json.loads(plot(url, "j", "trace", "--json").stdout) == {"svg": SVG.decode()}


def test_a_refused_plot_is_a_sentence_and_no_file(script: Script, url: str, tmp_path: Path) -> None:
    target = tmp_path / "elbo.svg"
    detail = "The job has no ELBO: its engine is 'nuts'; vi has one."
    script.on("GET /v1/jobs/j/plots/elbo", Answer({"detail": detail}, 409))
    ended = plot(url, "j", "elbo", "-o", str(target))
    assert (ended.exit_code, ended.stderr) == (2, detail + "\n")
    assert not target.exists()


def test_an_unknown_kind_is_refused_with_the_known_ones(url: str) -> None:
    ended = plot(url, "j", "violin")
    assert ended.exit_code == 2
    assert "'posterior'" in ended.stderr
