"""`credence demo`: see the service work."""

import io

from rich.console import Console

from services.cli.documents import emit
from services.cli.exits import explained, output
from services.cli.options import AsJson
from services.demo import run
from services.embedded import embedded


def demo(as_json: AsJson = False) -> None:
    """Start a service and fit three models over REST."""
    console = Console(file=io.StringIO()) if as_json else output()
    with explained(as_json):
        console.print("starting a service (gateway, dispatcher, a local Ray) ...")
        with embedded() as url:
            console.print(f"ready {url}\n")
            results = run(console, url)
    if as_json:
        emit({"fits": results})
