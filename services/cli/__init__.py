"""The command line: `credence serve | fit | jobs | result | draws | cancel | datasets | demo`."""

import sys


def main() -> None:
    """Run the command line."""
    from services.cli.app import run

    run(sys.argv[1:])
