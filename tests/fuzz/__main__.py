"""`python -m tests.fuzz`: fuzzes every target, or those that are named, each for its share."""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS


def main(arguments: list[str] | None = None) -> int:
    """Fuzz, and say what broke; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=120, help="in all (default 120)")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="keeps the corpus")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install -e '.[fuzz]', or `make fuzz`")
    names = given.targets or list(TARGETS)
    share = max(1, given.seconds // len(names))
    ends = {name: _fuzz(name, given.folder / name, share) for name in names}
    for name, status in ends.items():
        broken = sorted((given.folder / name / "broken").glob("*"))
        told = (
            "holds" if status == 0 else f"BROKEN (status {status}): {', '.join(map(str, broken))}"
        )
        print(f"{name:12} {share:5} s  {told}")
    return int(any(ends.values()))


def _fuzz(name: str, folder: Path, seconds: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz.one", name, str(folder), str(seconds)]
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
