"""The catalogue: ready-made models with data to try them on."""

from fastapi import APIRouter

from models.catalog import catalog
from services.gateway.resources import Catalog, CatalogEntry

router = APIRouter(prefix="/v1/catalog", tags=["models"])


@router.get("")
def get_catalog() -> Catalog:
    """List the ready-made models."""
    return Catalog(
        models=[
            CatalogEntry(
                name=ready.name,
                description=ready.description,
                definition={"language": "catalog", "name": ready.name},
                data=dict(ready.data),
            )
            for ready in catalog().values()
        ]
    )
