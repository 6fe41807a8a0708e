"""Data sets: stored columns under their digest."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.gateway.audited import audited
from services.gateway.datasets import Upload, store
from services.gateway.deps import Author, Owner, Parts
from services.gateway.ingest.ingestor import FORMATS
from services.gateway.limits import media_type_of, read_body
from services.gateway.openapi import BODY, NAMED, dataset_body, problems
from services.gateway.resources import DatasetPage, DatasetResource, dataset_resource
from services.gateway.routes.paging import PageSize, PageToken

router = APIRouter(prefix="/v1/datasets", tags=["data sets"])


async def _upload(request: Request, deps: Parts) -> Upload:
    body = await read_body(request, deps.settings.max_body_size, FORMATS)
    return Upload(body, FORMATS[media_type_of(request)])


@router.post(
    "",
    status_code=201,
    response_model=DatasetResource,
    openapi_extra=dataset_body(),
    responses={200: {"description": "The data set was known."}, **problems(*BODY, 503)},
)
def post_dataset(
    upload: Annotated[Upload, Depends(_upload)], deps: Parts, caller: Author, response: Response
) -> DatasetResource:
    """Read a data set and store its columns; the same content has the same id.

    JSON is an object of named arrays; CSV (RFC 4180) has a header, and each of its columns holds
    integers, reals, `true` and `false`, or text; Arrow and Parquet are read as they say.
    """
    with audited(deps.store, caller, "create_dataset") as deed:
        dataset, created = store(deps, caller, upload)
        deed.thing = dataset.id
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return dataset_resource(dataset)


@router.get("", responses=problems(422))
def list_datasets(
    deps: Parts, owner: Owner, page_size: PageSize = 50, page_token: PageToken = None
) -> DatasetPage:
    """List the caller's data sets, newest first."""
    found, following = deps.store.list_datasets(owner, page_size=page_size, page_token=page_token)
    return DatasetPage(
        datasets=[dataset_resource(dataset) for dataset in found], next_page_token=following
    )


@router.get("/{dataset_id}", responses=problems(*NAMED))
def get_dataset(dataset_id: str, deps: Parts, owner: Owner) -> DatasetResource:
    """Show a data set: its columns, their types and shapes."""
    return dataset_resource(deps.store.get_dataset(owner, dataset_id))


@router.delete("/{dataset_id}", status_code=204, responses=problems(*NAMED, 409))
def delete_dataset(dataset_id: str, deps: Parts, caller: Author) -> None:
    """Delete a data set that no unfinished job needs; results made from it stay."""
    with audited(deps.store, caller, "delete_dataset", dataset_id):
        key = deps.store.delete_dataset(caller.owner, dataset_id, by=caller.key)
    deps.artifacts.delete(key)
