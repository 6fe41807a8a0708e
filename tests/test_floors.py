"""Imports run downhill: services -> workers -> models. Some packages have one floor alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"models": 0, "workers": 1, "services": 2}
#: Package -> the folder that alone may import it.
FENCED = {
    "ray": "workers/dispatch",
    "fastapi": "services",
    "starlette": "services",
    "sqlalchemy": "workers/store",
}
FORBIDDEN = {"pickle", "cloudpickle", "dill", "shelve", "marshal"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def violations(path: Path, relative: str) -> list[str]:
    floor = FLOORS[relative.split("/")[0]]
    wrong = []
    for name in imports(path):
        head = name.split(".")[0]
        upward = FLOORS.get(head, -1) > floor
        fenced = head in FENCED and not relative.startswith(FENCED[head] + "/")
        if upward or fenced or head in FORBIDDEN:
            wrong.append(f"{relative} imports {name}")
    return wrong


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_downhill(floor: str) -> None:
    files = sorted((ROOT / floor).rglob("*.py"))
    assert files, f"no source under {floor}"
    assert [v for f in files for v in violations(f, f.relative_to(ROOT).as_posix())] == []


def test_an_upward_import_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import ray\nfrom services.client import Client\nimport torch\n")
    assert violations(bad, "models/bad.py") == [
        "models/bad.py imports ray",
        "models/bad.py imports services.client",
    ]
