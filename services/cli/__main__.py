"""`python -m services.cli` is `credence`."""

from services.cli import main

main()
