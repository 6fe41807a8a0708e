"""A job's draws with all that ArviZ wants to know about them, as one NetCDF file."""

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from models.definition import parse_definition
from models.errors import DataError, TooLargeError
from services.errors import ConflictError
from services.gateway.deps import Deps
from services.gateway.findings import result
from services.gateway.packed import Array, pack, unpack
from workers.inputs import load_input, located
from workers.jobs import Job
from workers.store.draws import ArrowDraws
from workers.store.netcdf import ArvizFile, Piece
from workers.store.quantity import Quantity

#: Numbers in the group `log_likelihood` at the most: 128 MiB.
LARGEST = 1 << 24
#: Numbers that go to a checker or come back from it at once.
NUMBERS = 1 << 19
#: Seconds for the whole log likelihood.
SECONDS = 120.0

_PATH = "log_likelihood"


def inference_data(
    deps: Deps, job: Job, found: ArrowDraws, quantities: Sequence[Quantity], log_likelihood: bool
) -> BinaryIO:
    """Write the file and return it, open; it has no name any more and is gone once closed.

    Args:
        deps: the gateway's parts.
        job: whose draws they are.
        found: the draws.
        quantities: what the group `posterior` has.
        log_likelihood: whether to compute the group of that name.

    Raises:
        TooLargeError: the log likelihood is too large.
        DataError: the log likelihood needs a data set that has been deleted.
        BusyError: no checker was free for a long time.
    """
    data = located(json.loads(deps.artifacts.get(job.input_key)), deps.artifacts)
    attributes = _attributes(deps, job)
    try:
        seen = deps.validator.observations(job.definition, data)
    except DataError as error:
        # The draws outlive the data set that they were made from.
        if error.path != "data.dataset" or log_likelihood:
            raise
        data, seen = {}, {"parameters": [], "dims": {}, "observed": {}}
        attributes["note"] = f"Without data and without the plates' names: {error.message}."
    observed = {name: unpack(packed) for name, packed in seen["observed"].items()}
    if log_likelihood:
        _check_size(found, observed)
    with tempfile.TemporaryDirectory(prefix="credence-") as folder:
        path = Path(folder) / "draws.nc"
        with ArvizFile(path, seen["dims"], attributes) as file:
            file.posterior(found, quantities)
            file.sample_stats(found)
            if log_likelihood:
                pieces = _pieces(deps, job, data, found, seen["parameters"], observed)
                file.log_likelihood(found.chains, found.draws, pieces)
            file.arrays("observed_data", observed)
            file.arrays("constant_data", _constant(job, data, observed))
        return path.open("rb")


def _attributes(deps: Deps, job: Job) -> dict[str, str | int]:
    computed_by = version("credence-inference")
    if job.state.terminal:
        # A run that was killed has draws but no result.
        with suppress(ConflictError):
            computed_by = result(deps, job, partial=False)["version"]
    return {
        "created_at": (job.finished_at or job.created_at).isoformat(),
        "inference_library": "credence",
        "inference_library_version": computed_by,
        "engine": str(job.engine["kind"]),
        "seed": job.seed,
        "job": job.id,
    }


def _constant(job: Job, data: Mapping[str, Any], observed: Mapping[str, Array]) -> dict[str, Array]:
    """Return the numbers among the data that are not observed under their own names."""
    if not data:
        return {}
    loaded = load_input(data, parse_definition(job.definition)).items()
    known = {name: array for name, array in loaded if isinstance(array, np.ndarray)}
    return {name: array for name, array in known.items() if name not in observed}


def _check_size(found: ArrowDraws, observed: Mapping[str, Array]) -> None:
    rows = sum(array.size for array in observed.values())
    numbers = found.chains * found.draws * rows
    if numbers > LARGEST:
        raise TooLargeError(
            _PATH,
            f"{found.chains * found.draws} draws x {rows} observations are {numbers} numbers, and "
            f"the limit is {LARGEST}; leave log_likelihood out, or run a job with fewer draws",
        )


def _pieces(
    deps: Deps,
    job: Job,
    data: Mapping[str, Any],
    found: ArrowDraws,
    parameters: Sequence[str],
    observed: Mapping[str, Array],
) -> Iterator[Piece]:
    """Evaluate the log likelihood of some draws at a time, in a checker."""
    until = time.monotonic() + SECONDS
    quantities = [found.quantity(name) for name in parameters]
    width = max(
        sum(quantity.size for quantity in quantities),
        sum(array.size for array in observed.values()),
    )
    most = max(1, NUMBERS // max(1, width))
    for chain in range(found.chains):
        for first, values in _gathered(found, quantities, chain, most):
            if time.monotonic() > until:
                raise TooLargeError(
                    _PATH, f"it takes longer than {SECONDS:g} s; leave log_likelihood out"
                )
            points = {name: pack(array) for name, array in values.items()}
            answer = deps.validator.log_likelihood(job.definition, data, points)
            yield chain, first, {name: unpack(packed) for name, packed in answer.items()}


def _gathered(
    found: ArrowDraws, quantities: Sequence[Quantity], chain: int, most: int
) -> Iterator[tuple[int, dict[str, Array]]]:
    """Return a chain's draws by name, about so many at a time: a block has few of them."""
    first, held = 0, 0
    parts: list[tuple[Array, ...]] = []
    pieces = [found.pieces(q, chain, most * max(1, q.size)) for q in quantities]
    for together in zip(*pieces, strict=True):
        parts.append(tuple(values for _, values in together))
        held += len(parts[-1][0])
        if held >= most or first + held == found.draws:
            whole = map(np.concatenate, zip(*parts, strict=True))
            yield first, {q.name: array for q, array in zip(quantities, whole, strict=True)}
            first, held, parts = first + held, 0, []
