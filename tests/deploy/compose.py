"""The compose file, with what its variables are when nobody sets them."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
#: `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?complaint}`.
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::?(?P<kind>[-?])(?P<text>[^}]*))?\}")


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name; a variable that must be given is `<NAME>`."""
    text = (ROOT / "docker-compose.yml").read_text()
    found: dict[str, dict[str, Any]] = yaml.safe_load(_VARIABLE.sub(_default, text))["services"]
    for service in found.values():
        # A variable that is set to nothing is an empty string to the program.
        service["environment"] = {k: v or "" for k, v in service["environment"].items()}
    return found


def _default(variable: re.Match[str]) -> str:
    if variable["kind"] == "?":
        return f"<{variable['name']}>"
    return variable["text"] or ""
