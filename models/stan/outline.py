"""What a Stan program says of itself without data."""

from dataclasses import dataclass

from models.errors import DefinitionError
from models.primitives import COLUMNS
from models.stan.declarations import Declaration, declarations
from models.stan.link import Means, RefusedError
from models.stan.messages import compile_error
from models.stan.process import StanProcess
from models.stan.text import StanText
from models.vocabulary import NAME


@dataclass(frozen=True)
class StanOutline:
    """The names that a program declares, block by block."""

    data: tuple[Declaration, ...]
    parameters: tuple[Declaration, ...]
    #: Transformed parameters and generated quantities.
    functions: tuple[Declaration, ...]

    @property
    def data_names(self) -> tuple[str, ...]:
        """The data that the program reads."""
        return tuple(declared.name for declared in self.data)


def outline(text: StanText) -> StanOutline:
    """Return what a program declares; it is not compiled.

    Raises:
        DefinitionError: a name cannot be reported.
    """
    found = StanOutline(
        declarations(text.block("data")),
        declarations(text.block("parameters")),
        tuple(
            declared
            for block in ("transformed parameters", "generated quantities")
            for declared in declarations(text.block(block))
        ),
    )
    for declared in (*found.data, *found.parameters, *found.functions):
        if not NAME.fullmatch(declared.name):
            raise DefinitionError(
                "model.source",
                f"the name {declared.name[:64]}... is too long; write up to 64 letters",
            )
    for declared in (*found.parameters, *found.functions):
        if declared.name in COLUMNS:
            raise DefinitionError(
                "model.source",
                f"the name '{declared.name}' is that of a dimension of the draws; choose another",
            )
    return found


def compiled_outline(source: str) -> StanOutline:
    """Return what a program declares, compiled on the way.

    Raises:
        ModelError: it does not compile; with line and column.
    """
    text = StanText(source)
    process = StanProcess(Means())
    try:
        process.translate(source)
    except RefusedError as error:
        raise compile_error(str(error)) from None
    finally:
        process.close()
    return outline(text)
