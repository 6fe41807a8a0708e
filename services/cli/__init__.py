"""The command line: `credence serve`, `fit`, `jobs`, `keys` and what `app` lists besides."""

import sys


def main() -> None:
    """Run the command line."""
    from services.cli.app import run

    run(sys.argv[1:])
