"""The model definition: a union on `language`, its canonical JSON and its identity."""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from models.errors import DefinitionError

#: Letters, digits and underscores; at most 64.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]

#: What a formula's response is distributed as.
FamilyName = Literal[
    "gaussian",
    "student",
    "bernoulli",
    "binomial",
    "poisson",
    "negative_binomial",
    "gamma",
    "beta",
    "ordinal",
]

#: Lists of a definition may be nested so deep.
MAX_DEPTH = 32
#: Plates and sites of one graph.
MAX_PLATES, MAX_SITES = 64, 1000


class _Model(BaseModel):
    """Unknown fields are errors; a definition never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ParameterForm(_Model):
    """A parameter without prior: its shape, its support and where to start."""

    shape: list[int | str] = Field(default_factory=list, max_length=8)
    support: str = Field(default="real", max_length=200)
    init: Any = None


class Site(_Model):
    """One site of a graph: a distribution, a value, a log factor or a parameter."""

    name: Name
    distribution: str | None = Field(default=None, max_length=64)
    args: dict[str, Any] | None = None
    plates: list[Name] | None = Field(default=None, max_length=8)
    observed: str | None = None
    value: int | float | str | list[Any] | None = None
    log_factor: int | float | str | None = None
    parameter: ParameterForm | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "Site":
        forms = ("distribution", "value", "log_factor", "parameter")
        given = [form for form in forms if getattr(self, form) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(
                "a site has exactly one of distribution, value, log_factor and parameter; "
                f"found {found}"
            )
        if self.distribution is None:
            for field in ("args", "plates", "observed"):
                if getattr(self, field) is not None:
                    raise ValueError(f"only a site with a distribution has {field}")
        return self


class GraphDefinition(_Model):
    """Sites in the order in which they are computed, with plates and expressions."""

    language: Literal["graph"]
    plates: dict[Name, int | str] = Field(default_factory=dict, max_length=MAX_PLATES)
    sites: list[Site] = Field(min_length=1, max_length=MAX_SITES)


class PyroDefinition(_Model):
    """The text of a Pyro model function, interpreted and never executed."""

    language: Literal["pyro"]
    source: str


class StanDefinition(_Model):
    """A Stan program."""

    language: Literal["stan"]
    source: str


class PriorForm(_Model):
    """A prior: a distribution of the table with numbers for arguments."""

    distribution: str = Field(max_length=64)
    args: dict[str, int | float] = Field(default_factory=dict, max_length=8)


class FormulaDefinition(_Model):
    """A regression formula with a family and priors."""

    language: Literal["formula"]
    formula: str = Field(max_length=10_001)
    family: FamilyName = "gaussian"
    #: The family's own where there is none.
    link: str | None = Field(default=None, max_length=64)
    #: By term (`x1`, `C(group)`), or by name: `Intercept`, `beta`, `sigma`, `sd`, `sd_group`, ...
    priors: dict[str, PriorForm] = Field(default_factory=dict, max_length=1000)
    #: By column, the levels of a factor in their order; the first is the reference.
    levels: dict[Name, Annotated[list[str | bool | int], FailFast()]] = Field(
        default_factory=dict, max_length=1000
    )


class CatalogDefinition(_Model):
    """A ready-made model by name."""

    language: Literal["catalog"]
    name: str = Field(max_length=64)
    options: dict[str, Any] = Field(default_factory=dict)


ModelDefinition = Annotated[
    GraphDefinition | PyroDefinition | StanDefinition | FormulaDefinition | CatalogDefinition,
    Field(discriminator="language"),
]

_ADAPTER: TypeAdapter[Any] = TypeAdapter(ModelDefinition)


def parse_definition(raw: Any) -> Any:
    """Return the definition that a decoded JSON document holds.

    Raises:
        DefinitionError: with the path to the first mistake, such as `model.sites[2].args`.
    """
    try:
        return _ADAPTER.validate_python(raw)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        raise DefinitionError(definition_path(first["loc"]), message) from error


def definition_path(loc: tuple[int | str, ...]) -> str:
    """Return pydantic's location inside a definition as a path: `model.sites[2].args`."""
    languages = ("graph", "pyro", "stan", "formula", "catalog")
    inner = loc[1:] if loc and loc[0] in languages else loc
    return "model" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in inner)


def canonical(definition: Any) -> bytes:
    """Return the canonical JSON of a definition: sorted keys, no spaces, no defaults."""
    document = definition.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def model_id(definition: Any, owner: str = "") -> str:
    """Return the identity of a definition: the hex digest of its canonical form and its owner."""
    digest = hashlib.sha256()
    for part in (owner.encode(), canonical(definition)):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
