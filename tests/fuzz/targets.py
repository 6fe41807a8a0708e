"""What is fuzzed: each target takes bytes and raises where a promise is broken.

The promises: no exception but the declared ones; each of those with a place and a sentence; nothing
asked of the system. That none takes long is the fuzzer's to see.
"""

import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import torch
from pydantic import ValidationError

from models.binding import did_you_mean
from models.compile import LIMITS
from models.context import Context
from models.definition import (
    FormulaDefinition,
    GraphDefinition,
    PyroDefinition,
    StanDefinition,
    canonical,
    parse_definition,
)
from models.description import outlined
from models.distribution_table import TABLE
from models.draw_expression import DrawExpression
from models.errors import ModelError
from models.formula.design import graph_of
from models.formula.functions import FUNCTIONS as FORMULA_FUNCTIONS
from models.formula.terms import read_formula
from models.functions import FUNCTIONS, METHODS, SPELLINGS
from models.layout import survey
from models.program import AbstractProgram
from models.program_grammar import PRIMITIVES
from models.programs import build_program
from models.stan.outline import outline
from models.stan.text import StanText
from services.errors import Complaint, InvalidInputError, MalformedJsonError
from services.gateway.bodies import DERIVATIVES, EXPECTATION, JOB, MODEL, POINT
from services.gateway.complaints import parse
from services.gateway.examples import DATA, EIGHT_SCHOOLS, STAN_SCHOOLS
from services.gateway.ingest.arrow_message import decoded_size
from services.gateway.ingest.caps import Caps
from services.gateway.ingest.child import answer
from services.gateway.json import canonical as written
from services.gateway.json import load
from tests.escapes import COSTLY, TEXTS
from tests.models.running import values
from tests.watched import watched

#: What model texts may read.
_VALUES = {
    "y": [0.5, -1.0, 2.0],
    "k": [0, 2, 1],
    "X": [[1.0, 0.5], [0.0, 2.0], [-1.0, 1.0]],
    "n": 3,
}
_CONTEXT = Context(torch.float64, torch.device("cpu"))
_CAPS = Caps(columns=100, bytes=2**22)


class BrokenError(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True)
class Target:
    """Something that reads what strangers send."""

    run: Callable[[bytes], None]
    #: Inputs to begin with.
    seeds: tuple[bytes, ...]
    #: Words that inputs are made of.
    words: tuple[str, ...]


def read_json(body: bytes) -> None:
    """Load a body; read it as every kind of request, and its model as a definition."""
    with watched():
        try:
            value = load(body)
        except MalformedJsonError as error:
            _promise(len(error.detail) > 10, error)
            return
        except InvalidInputError as error:
            _placed(error.complaints, error)
            return
        _promise(load(written(value)) == value, "it does not survive being written")
        for kind in (JOB, MODEL, EXPECTATION, DERIVATIVES, POINT):
            try:
                parse(kind, value)
            except InvalidInputError as error:
                _placed(error.complaints, error)
        _define(value.get("model", value) if isinstance(value, dict) else value)


def _define(value: Any) -> None:
    """Read a definition, and describe what it says without data."""
    with _declared("model", "line ", "formula"):
        definition = parse_definition(value)
        document = json.loads(canonical(definition))
        _promise(parse_definition(document) == definition, "its canonical form is another")
        # A Stan program is compiled to be described, by a process of its own.
        if not isinstance(definition, StanDefinition):
            outlined(definition, "")


def read_expression(body: bytes) -> None:
    """Read an expression over draws, and as a site of a graph; run it on tensors without memory."""
    text = body.decode("utf-8", "replace")
    with watched():
        with _declared("of"):
            DrawExpression(text, list(_VALUES), "of")
        with _declared("model"):
            program = build_program(_graph(text))
            _surveyed(program)


def read_program(body: bytes) -> None:
    """Read the text of a Pyro model, and run it on tensors without memory."""
    text = body.decode("utf-8", "replace")
    with watched(), _declared("line ", "model"):
        _surveyed(build_program(PyroDefinition(language="pyro", source=text)))


def read_a_formula(body: bytes) -> None:
    """Read a formula, and write its graph."""
    text = body.decode("utf-8", "replace")
    with watched():
        with _declared("formula, column "):
            read_formula(text)
        try:
            definition = FormulaDefinition(language="formula", formula=text)
        except ValidationError:
            return
        with _declared("formula, column ", "model.formula"):
            GraphDefinition.model_validate(graph_of(definition).model_dump())


def read_stan(body: bytes) -> None:
    """Check a Stan program before the compiler sees it, and cut it into its blocks."""
    text = body.decode("utf-8", "surrogateescape")
    with watched(), _declared("line ", "model.source"):
        found = StanText(text)
        outline(found)
        StanText(found.transforms())


def read_data(body: bytes) -> None:
    """Read a data set, by its first byte: JSON, CSV, or the head of an Arrow message."""
    if body[:1] == b"a":
        _head(body[1:])
        return
    form = "json" if body[:1] == b"j" else "csv"
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        posted, columns = Path(folder, "posted"), Path(folder, "columns")
        posted.write_bytes(body[1:])
        found = answer(posted, columns, form, _CAPS)
    if "error" not in found:
        _promise(found["bytes"] <= _CAPS.bytes, "it is larger than it may be")
        return
    error = found["error"]
    _promise(bool(error["detail"]), error)
    if error["kind"] != "malformed":
        _placed([Complaint.model_validate(c) for c in error["complaints"]], error)


def _head(body: bytes) -> None:
    """Read what an Arrow message announces: two bytes say how long its head is."""
    end = 2 + int.from_bytes(body[:2], "little")
    message = SimpleNamespace(metadata=body[2:end], body=body[end:])
    try:
        size = decoded_size(message)
    except ValueError as error:
        _promise(bool(str(error)), error)
    else:
        _promise(size >= 0, size)


def _graph(text: str) -> GraphDefinition:
    law = {"distribution": "Normal", "args": {"loc": 0, "scale": 1}}
    sites = [{"name": "mu", **law}, {"name": "z", "value": text}, {"name": "y", **law}]
    sites[2]["observed"] = "y"
    return GraphDefinition.model_validate({"language": "graph", "plates": {}, "sites": sites})


def _surveyed(program: AbstractProgram) -> None:
    """Run a program on fake tensors, where its data are those that there are."""
    if set(program.data_names) <= set(_VALUES):
        given = {name: value for name, value in _VALUES.items() if name in program.data_names}
        survey(program, values(given), _CONTEXT, LIMITS)


class _declared:
    """Lets the errors pass that are declared, with a path that begins in one of these ways."""

    def __init__(self, *beginnings: str) -> None:
        self._beginnings = beginnings

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, ModelError):
            return False
        _promise(error.path.startswith(self._beginnings), error)
        _promise(bool(error.message), error)
        return True


def _placed(complaints: Iterable[Complaint], error: object) -> None:
    found = list(complaints)
    _promise(bool(found), error)
    _promise(all(complaint.path and complaint.message for complaint in found), error)


def _promise(kept: bool, what: object) -> None:
    if not kept:
        raise BrokenError(repr(what)[:2000])


def _encoded(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(text.encode("utf-8", "surrogateescape") for text in texts if len(text) < 4096)


def _heads() -> tuple[bytes, ...]:
    """The messages of an Arrow stream, as `_head` takes them."""
    table = pa.table({"y": [1, 2, 3], "g": pa.array(["a", "b", "a"]).dictionary_encode()})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    found = []
    for message in pa.ipc.MessageReader.open_stream(sink.getvalue()):
        head = message.metadata.to_pybytes()
        body = b"" if message.body is None else message.body.to_pybytes()
        found.append(b"a" + len(head).to_bytes(2, "little") + head + body)
    return tuple(found)


def _bodies() -> tuple[bytes, ...]:
    job = {"model": EIGHT_SCHOOLS, "data": DATA, "engine": {"kind": "nuts", "draws": 10}, "seed": 7}
    formula = {"language": "formula", "formula": "y ~ x + (1 | g)", "family": "bernoulli"}
    pyro = {"language": "pyro", "source": "def model(y):\n    pyro.factor('f', y)\n"}
    point = {"data": DATA, "at": {"mu": 1.0}, "direction": {"mu": 1}, "order": 2, "mode": "compare"}
    mean = {"of": "mu", "probabilities": ["mu > 0"], "quantiles": [0.5], "cdf_at": [1e308]}
    odd = [[[[1]]], {"a": {"a": 1}}, 1e308, -0.0, 10**30, "\u2028", None, True, {}]
    bodies = [job, {**job, "model": formula}, {"definition": pyro}, STAN_SCHOOLS, point, mean, *odd]
    return tuple(json.dumps(body).encode() for body in bodies)


_PROGRAM = """def model(y, k, X, n):
    mu = pyro.sample("mu", dist.Normal(0., 1.))
    tau = pyro.param("tau", torch.tensor(1.), constraint=dist.constraints.positive)
    with pyro.plate("p", len(y)):
        z = pyro.sample("z", dist.StudentT(3., mu, tau).mask(True))
    for i in range(n):
        mu = mu + z[i] if i > 1 else mu
    w = pyro.deterministic("w", X @ X.T + torch.eye(3))
    pyro.factor("f", -0.5 * (w ** 2).sum(-1)[k].mean())
    pyro.sample("y", dist.Normal(mu, torch.exp(tau)), obs=y)
"""
_STAN = """functions { real f(real x) { return x; } } // }
data { int<lower=0> N; array[N] vector[2] y; } /* data { */
transformed  data { real s = 1; }
parameters { real<lower=0, upper=1> a; tuple(real, int) b; simplex[3] c; }
model { print("} model {"); for (n in 1:N) { y[n] ~ normal(a, s); } }
generated quantities { array[2] real g = {1, 2}; }
"""
_FORMULAS = (
    "y ~ x1*x2 + C(group) + (1 + x1 | group)",
    "log(y) ~ 0 + poly(x, 3):g + bs(z, df=5, degree=2) - a",
    "p(s, 9) ~ (a + b + c)**2 / d + offset(log(n))",
)
_CSV = b'cy,x,g\n1,2.5,"a ""q"""\n-3,1e5,"b"\n'
_JSON = b'j{"y": [1, 2], "X": [[0.5], [1]], "g": ["a", "b"]}'
TARGETS: dict[str, Target] = {
    "json": Target(
        read_json,
        _bodies(),
        (
            "model",
            "data",
            "engine",
            "kind",
            "language",
            "graph",
            "sites",
            "NaN",
            "1e999",
            "\\u0000",
        ),
    ),
    "expression": Target(
        read_expression,
        _encoded([*TEXTS, *COSTLY, "exp(y)[k, None] @ X.T + where(y > 0, log(mu), -1e3)"]),
        (*FUNCTIONS, *(f".{name}" for name in METHODS), *SPELLINGS, *_VALUES),
    ),
    "program": Target(
        read_program,
        _encoded([_PROGRAM, *(f"def model(y):\n    z = {text}\n" for text in TEXTS)]),
        (*PRIMITIVES, *(f"dist.{name}(" for name in TABLE), *SPELLINGS, "def model(", "\n    "),
    ),
    "formula": Target(
        read_a_formula,
        _encoded([*_FORMULAS, *(f"y ~ {text}" for text in TEXTS)]),
        (*(f"{name}(" for name in FORMULA_FUNCTIONS), "~", "**", "|", "1", "0", "x", "g"),
    ),
    "stan": Target(
        read_stan,
        _encoded([_STAN]),
        (
            "data {",
            "parameters {",
            "transformed ",
            "generated quantities {",
            "#include",
            "//",
            "/*",
        ),
    ),
    "data": Target(
        read_data,
        (_CSV, _JSON, *_heads()),
        ('""', ",,", "\n", "NaN", "1e999", "[[", "null", "true"),
    ),
}

# The first survey imports what torch opens devices and files for, which no text asked for.
_surveyed(build_program(_graph("mu")))


def named(name: str) -> Target:
    """Return a target by name.

    Raises:
        KeyError: there is none; the message says which there are.
    """
    if name not in TARGETS:
        known = list(TARGETS)
        raise KeyError(f"no target {name!r}{did_you_mean(name, known) or f'; {known}'}")
    return TARGETS[name]
