"""The dotted names under which model text may call the same functions."""

from collections.abc import Mapping

from models.functions import arrays, elementwise, linear, reductions
from models.functions.table import Function

#: Bare names that are Python's own and have no `torch.` spelling.
_BUILTINS = frozenset({"len", "int", "str", "float"})

_SPECIAL = {
    "expit": "sigmoid",
    "gammaln": "lgamma",
    "psi": "digamma",
    **{
        name: name
        for name in (
            "digamma", "erf", "erfc", "erfinv", "expm1", "log1p", "logit", "logsumexp",
            "log_softmax", "softmax", "ndtr", "xlogy",
        )
    },
}  # fmt: skip
_LINALG = {
    "inv": "inverse",
    "vector_norm": "norm",
    **{
        name: name
        for name in ("cholesky", "solve", "solve_triangular", "norm", "matmul", "diagonal")
    },
}
_FUNCTIONAL = {
    name: name
    for name in (
        "softplus", "softmax", "log_softmax", "sigmoid", "logsigmoid", "relu", "tanh", "one_hot",
    )
}  # fmt: skip
_MATH = {
    name: name
    for name in (
        "exp",
        "log",
        "log1p",
        "expm1",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "tanh",
        "lgamma",
        "erf",
    )
}
_ALIASES = {
    "absolute": "abs",
    "concat": "cat",
    "mm": "matmul",
    "mv": "matmul",
    "bmm": "matmul",
    "ger": "outer",
    "as_tensor": "tensor",
}


def spellings(functions: Mapping[str, Function]) -> dict[str, Function]:
    """Return the functions by dotted name, such as `torch.linalg.cholesky`."""
    plain = {name: function for name, function in functions.items() if name not in _BUILTINS}
    found = {f"torch.{name}": function for name, function in plain.items()}
    tables = {
        "torch": _ALIASES,
        "torch.special": _SPECIAL,
        "torch.linalg": _LINALG,
        "torch.nn.functional": _FUNCTIONAL,
        "math": _MATH,
    }
    for module, table in tables.items():
        found.update({f"{module}.{alias}": functions[name] for alias, name in table.items()})
    found.update({f"torch.{name}": function for name, function in reductions.TORCH.items()})
    return found


def _methods() -> dict[str, Function]:
    everything = (*elementwise.TABLE, *reductions.TABLE, *arrays.TABLE, *linear.TABLE)
    plain = {function.name: function for function in everything if function.method}
    return plain | arrays.METHODS_ONLY | reductions.TORCH


#: What `x.name(...)` may call, `x` being the first argument.
METHODS: dict[str, Function] = _methods()
