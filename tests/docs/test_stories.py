"""Each page's shell and Python blocks, run in their order against a real service."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ADDRESS, Block, scenes

pytestmark = [pytest.mark.slow, pytest.mark.ray]


def told(block: Block, service: str, folder: Path) -> str:
    """Return the lines of the page's script for a block; a Python block is a file of its own."""
    text = block.text.replace(ADDRESS, service)
    mark = f"echo '--- {block}' | tee /dev/stderr\n"
    if block.language == "sh":
        return mark + text
    (folder / f"block_{block.line}.py").write_text(text)
    return f"{mark}python -P block_{block.line}.py\n"


def story(page: str, service: str, folder: Path) -> str:
    """Run a page's story and return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CREDENCE_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-eu"],
        input="".join(told(block, service, folder) for block in scenes(page)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    return ended.stdout


def test_the_readme_fits_eight_schools_from_the_shell_and_from_python(
    service: str, tmp_path: Path
) -> None:
    printed = story("README.md", service, tmp_path)
    assert re.search(r"^/v1/jobs/\w+$", printed, re.MULTILINE)
    assert '"state":"succeeded"' in printed.replace(" ", "")
    assert '"r_hat"' in printed
    assert "\nchain,draw,mu,tau\n0,0," in printed
    numbers = re.search(r"^(\S+) (\S+)\n\(4, 500, 8\)$", printed, re.MULTILINE)
    assert numbers
    # The mean of 10 000 reference draws is 4.41, their sd 3.31.
    assert abs(float(numbers[1]) - 4.41) < 0.6
    assert float(numbers[2]) < 1.05
    assert "</svg>" in (tmp_path / "trace.svg").read_text()


def test_the_services_page_prints_what_it_says(service: str, tmp_path: Path) -> None:
    printed = story("services/README.md", service, tmp_path)
    said = [
        comment
        for block in scenes("services/README.md")
        for comment in re.findall(r"print\(.+\)  # ([(\[].+)$", block.text, re.MULTILINE)
    ]
    assert len(said) == 3
    for line in (*said, "converged converged"):
        assert f"\n{line}\n" in printed, line
    assert (tmp_path / "draws.nc").read_bytes()[1:4] == b"HDF"
    for picture in ("trace.svg", "elbo.svg"):
        assert "</svg>" in (tmp_path / picture).read_text()
