"""What a definition says of its sites without any data: names, roles, supports."""

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.distributions.constraints import Constraint, is_dependent

from models.binding import REQUIRED, Argument, Kind
from models.catalog import resolve
from models.definition import (
    CatalogDefinition,
    FormulaDefinition,
    GraphDefinition,
    ModelDefinition,
    Site,
    StanDefinition,
)
from models.distributions import TABLE, make
from models.errors import DefinitionError
from models.formula.design import columns_of, graph_of
from models.program import PyroProgram
from models.program_grammar import PRIMITIVES
from models.programs import build_program
from models.stan.outline import compiled_outline
from models.supports import (
    constraint_from_name,
    support_name,
    transform_to,
    unconstrained_shape,
)
from models.vocabulary import dotted

#: Defaults of arguments that must be given, or of which one must be given.
_NEEDED = (REQUIRED, None)


class Role(enum.StrEnum):
    """What a site is for."""

    LATENT = "latent"
    PARAMETER = "parameter"
    DETERMINISTIC = "deterministic"
    OBSERVED = "observed"
    FACTOR = "factor"


@dataclass(frozen=True)
class OutlinedSite:
    """A site as the definition shows it."""

    name: str
    role: Role
    #: Pyro's name of its support; `None` where it depends on values or is not written in place.
    support: str | None = None
    #: `None` where data decide it.
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Outline:
    """The sites in program order, and the data that the program reads, of a formula its columns.

    Sites of a program whose names are computed, as "z_" + str(t), are left out.
    """

    sites: tuple[OutlinedSite, ...]
    data_names: tuple[str, ...]


def outline(definition: ModelDefinition) -> Outline:
    """Return the outline of a definition, checked on the way.

    Raises:
        ModelError: the definition breaks the rules of its language.
    """
    if isinstance(definition, StanDefinition):
        return _of_stan(definition.source)
    program = build_program(definition)
    names = program.data_names
    if isinstance(definition, CatalogDefinition):
        definition = resolve(definition)
    if isinstance(definition, FormulaDefinition):
        names, definition = columns_of(definition), graph_of(definition)
    if isinstance(definition, GraphDefinition):
        sites = tuple(_graph_site(site) for site in definition.sites)
    else:
        assert isinstance(program, PyroProgram)
        sites = tuple(_program_sites(program.function))
    return Outline(sites, names)


def _of_stan(source: str) -> Outline:
    found = compiled_outline(source)
    parameters = [OutlinedSite(p.name, Role.PARAMETER, p.support) for p in found.parameters]
    functions = [OutlinedSite(f.name, Role.DETERMINISTIC) for f in found.functions]
    return Outline((*parameters, *functions), found.data_names)


def _graph_site(site: Site) -> OutlinedSite:
    if site.parameter is not None:
        sizes = [size for size in site.parameter.shape if isinstance(size, int)]
        known = len(sizes) == len(site.parameter.shape) and site.parameter.init is None
        support = support_name(constraint_from_name(site.parameter.support))
        return OutlinedSite(site.name, Role.PARAMETER, support, tuple(sizes) if known else None)
    if site.value is not None:
        return OutlinedSite(site.name, Role.DETERMINISTIC)
    if site.log_factor is not None:
        return OutlinedSite(site.name, Role.FACTOR)
    if site.observed is not None:
        return OutlinedSite(site.name, Role.OBSERVED)
    given = (site.args or {}).get("support")
    if isinstance(given, str):
        return OutlinedSite(site.name, Role.LATENT, support_name(constraint_from_name(given)))
    return OutlinedSite(site.name, Role.LATENT, _support(str(site.distribution)))


def _support(distribution: str) -> str | None:
    """The support of a distribution whatever its arguments, if it does not hang on them."""
    constraint = _class_support(distribution)
    if not isinstance(constraint, Constraint) or is_dependent(constraint):
        return None
    return support_name(constraint)


@cache
def _class_support(distribution: str) -> object:
    """The `support` of the class that the table builds, which an example tells."""
    entry = TABLE[distribution]
    alternatives = {name for choice in entry.choices for name in choice[1:]}
    wanted = [a for a in entry.arguments if a.name not in alternatives and a.default in _NEEDED]
    if any(argument.kind in (Kind.DISTRIBUTION, Kind.CONSTRAINT) for argument in wanted):
        return None
    example = {argument.name: _example(argument) for argument in wanted}
    fn = make(distribution, (), example, dtype=torch.float64, device=torch.device("cpu"))
    return type(fn).support


def _example(argument: Argument) -> Tensor | int:
    constraint = argument.constraint
    if argument.kind is not Kind.REAL or constraint is None or constraint.is_discrete:
        return 2
    shape = unconstrained_shape(constraint, (2,) * constraint.event_dim)
    return transform_to(constraint)(torch.zeros(shape, dtype=torch.float64))


def _program_sites(function: ast.FunctionDef) -> Iterator[OutlinedSite]:
    seen: set[str] = set()
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        primitive = dotted(call.func)
        if primitive not in PRIMITIVES or primitive == "pyro.plate":
            continue
        given = _arguments(call, primitive)
        name = given["name"]
        if not isinstance(name, ast.Constant) or str(name.value) in seen:
            continue
        seen.add(str(name.value))
        yield _program_site(str(name.value), primitive, given)


def _arguments(call: ast.Call, primitive: str) -> dict[str, ast.expr]:
    required, optional = PRIMITIVES[primitive]
    named = {str(keyword.arg): keyword.value for keyword in call.keywords}
    return dict(zip(required + optional, call.args, strict=False)) | named


def _program_site(name: str, primitive: str, given: dict[str, ast.expr]) -> OutlinedSite:
    match primitive:
        case "pyro.param":
            constraint = given.get("constraint")
            support = "real" if constraint is None else _written_support(constraint)
            return OutlinedSite(name, Role.PARAMETER, support)
        case "pyro.deterministic":
            return OutlinedSite(name, Role.DETERMINISTIC)
        case "pyro.factor":
            return OutlinedSite(name, Role.FACTOR)
    observed = given.get("obs")
    if observed is not None and not (isinstance(observed, ast.Constant) and observed.value is None):
        return OutlinedSite(name, Role.OBSERVED)
    return OutlinedSite(name, Role.LATENT, _written_distribution(given["fn"]))


def _written_distribution(node: ast.expr) -> str | None:
    """The support of `dist.NAME(...)`, `.expand`, `.to_event` and `.mask` looked through."""
    while isinstance(node, ast.Call):
        full = dotted(node.func)
        if full == "dist.ImproperUniform":
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "support")]
            return _written_support(given[0]) if given else None
        if full is not None and full.startswith("dist."):
            return _support(full.removeprefix("dist."))
        if not isinstance(node.func, ast.Attribute):
            return None
        node = node.func.value
    return None


def _written_support(node: ast.expr) -> str | None:
    text = ast.unparse(node).rpartition("constraints.")[2]
    try:
        return support_name(constraint_from_name(text))
    except DefinitionError:
        return None
