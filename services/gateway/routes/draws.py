"""Draws: the sample itself, in the format that the reader likes."""

from collections.abc import Iterator
from typing import Annotated, BinaryIO, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.errors import Complaint, InvalidInputError
from services.gateway.deps import Owner, Parts
from services.gateway.findings import draws, names
from services.gateway.gate import Gate
from services.gateway.inference_data import inference_data
from services.gateway.openapi import NAMED, problems
from services.gateway.routes.results import Partial
from workers.store.export import Writer, as_arrow, as_csv, as_json, select

router = APIRouter(prefix="/v1/jobs", tags=["results"])

#: Format -> (media type, writer).
_FORMATS: dict[str, tuple[str, Writer]] = {
    "arrow": ("application/vnd.apache.arrow.stream", as_arrow),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "json": ("application/json", as_json),
}
_NETCDF = "application/netcdf"
_BLOCK = 1 << 18


@router.get(
    "/{job_id}/draws",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The draws.",
            "content": {
                **{media.partition(";")[0]: {} for media, _ in _FORMATS.values()},
                _NETCDF: {},
            },
        },
        **problems(*NAMED, 409, 422, 503),
    },
)
def get_draws(
    job_id: str,
    deps: Parts,
    owner: Owner,
    format: Annotated[Literal["arrow", "netcdf", "csv", "json"], Query()] = "arrow",
    parameters: Annotated[
        str | None, Query(description="Names separated by commas; all when absent.")
    ] = None,
    partial: Partial = False,
    log_likelihood: Annotated[
        bool,
        Query(description="Add every observation's log likelihood; only with format=netcdf."),
    ] = False,
) -> StreamingResponse:
    """Stream a job's draws: csv has the columns `chain,draw,mu,theta[0],...`.

    netcdf has ArviZ's groups: `posterior`, `sample_stats`, `observed_data`, `constant_data` and,
    when asked for, `log_likelihood`; plates name the dimensions.
    """
    job = deps.store.get_job(owner, job_id)
    deps.gate.check()
    if log_likelihood and format != "netcdf":
        message = f"{format} has no place for it; write format=netcdf"
        raise InvalidInputError([Complaint(path="log_likelihood", message=message)])
    found = draws(deps, job, partial)
    quantities = select(found, names(found, parameters))
    suffix = "nc" if format == "netcdf" else format
    headers = {"Content-Disposition": f'attachment; filename="{job.id}.{suffix}"'}
    if format == "netcdf":
        file = inference_data(deps, job, found, quantities, log_likelihood)
        blocks = _counted(deps.gate, _blocks(file))
        return StreamingResponse(blocks, media_type=_NETCDF, headers=headers)
    media_type, writer = _FORMATS[format]
    blocks = _counted(deps.gate, writer(found, quantities))
    return StreamingResponse(blocks, media_type=media_type, headers=headers)


def _counted(gate: Gate, blocks: Iterator[bytes]) -> Iterator[bytes]:
    with gate.passed():
        yield from blocks


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block
