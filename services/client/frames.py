"""Draws in the forms of other libraries, which are there only where somebody installed them."""

import importlib
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa


def library(name: str) -> ModuleType:
    """Return an optional library; our extra has its name.

    Raises:
        ImportError: it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        extra = f'pip install "credence-inference[{name}]"'
        raise ImportError(f"to_{name} needs {name}, which is not installed: {extra}") from error


def inference_data(content: bytes) -> Any:
    """Return an `arviz.InferenceData`, all of it in memory.

    Args:
        content: a NetCDF file with ArviZ's groups.
    """
    arviz = library("arviz")
    with tempfile.TemporaryDirectory(prefix="credence-") as folder:
        path = Path(folder) / "draws.nc"
        path.write_bytes(content)
        found = arviz.from_netcdf(path)
        for name in found.groups():
            # Read before the file goes.
            group = found[name].load()
            group.close()
    return found


def data_frame(content: bytes) -> Any:
    """Return a `pandas.DataFrame` with the columns `chain`, `draw`, `mu`, `theta[0]`, ...

    Args:
        content: an Arrow stream of draws.
    """
    library("pandas")
    table = pa.ipc.open_stream(pa.py_buffer(content)).read_all()
    rows = table.sort_by([("chain", "ascending"), ("draw", "ascending")])
    return rows.to_pandas()
