"""The functions of model text: by bare name, by torch's dotted names, and as methods of arrays."""

from models.functions import arrays, elementwise, linear, reductions
from models.functions.spellings import METHODS, spellings
from models.functions.table import Function

#: Every function by its bare name.
FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        *elementwise.TABLE,
        *reductions.TABLE,
        *arrays.TABLE,
        *linear.TABLE,
    )
}

#: Torch's and math's dotted names of the same functions.
SPELLINGS: dict[str, Function] = spellings(FUNCTIONS)

__all__ = ["FUNCTIONS", "METHODS", "SPELLINGS", "Function"]
