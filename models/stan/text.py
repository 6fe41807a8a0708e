"""The text of a Stan program: its blocks, and what is refused before the compiler sees it.

The compiler decides what a program means; here it is only cut. Positions count from 1.
"""

import re

from models.errors import DefinitionError
from models.stan.declarations import unconstrained

#: Bytes of a program.
MAX_SOURCE_BYTES = 1_000_000

_BLOCKS = (
    "functions",
    "transformed data",
    "data",
    "transformed parameters",
    "parameters",
    "model",
    "generated quantities",
)
#: What a program keeps that shall have the density of its transforms alone.
_OF_TRANSFORMS = ("functions", "data", "transformed data", "parameters")
_HEAD = re.compile(r"\b(" + "|".join(name.replace(" ", r"\s+") for name in _BLOCKS) + r")\s*\{")
#: Comments and texts. A lone carriage return ends a line too, and a comment that nobody ends ends
#: with the program.
_SILENT = re.compile(r'//[^\n\r]*|/\*.*?(?:\*/|\Z)|"[^"\n\r]*"', re.DOTALL)
_INCLUDE = re.compile(r"#\s*include\b")
_BRACE = re.compile(r"[{}]")


class StanText:
    """A Stan program, cut into its blocks.

    Attributes:
        source: as posted.

    Raises:
        DefinitionError: it is too long, or includes a file.
    """

    def __init__(self, source: str) -> None:
        size = len(source.encode("utf-8", "surrogatepass"))
        if size > MAX_SOURCE_BYTES:
            raise DefinitionError(
                "model.source", f"a source of {size} bytes; the limit is {MAX_SOURCE_BYTES}"
            )
        # The library takes the text as one that ends at a NUL, and the compiler takes no other
        # encoding than UTF-8.
        for found in re.finditer("[\0\ud800-\udfff]", source):
            raise DefinitionError(
                position(source, found.start()), "no character of a text; remove it"
            )
        self.source = source
        self._blank = _SILENT.sub(lambda m: re.sub(r"[^\n\r]", " ", m[0]), source)
        include = _INCLUDE.search(self._blank)
        if include is not None:
            raise DefinitionError(
                position(source, include.start()),
                "#include reads a file of this machine, and there is none; write its text here",
            )
        self._blocks = self._cut()

    def block(self, name: str) -> str:
        """Return what stands between a block's braces, without comments; empty without block."""
        if name not in self._blocks:
            return ""
        _, opened, closed = self._blocks[name]
        return self._blank[opened + 1 : closed]

    def transforms(self) -> str:
        """Return the program whose log density is log |det J| of the parameters' transforms."""
        kept = [self._blocks[name] for name in _OF_TRANSFORMS if name in self._blocks]
        parts = [self.source[start : closed + 1] for start, _, closed in kept]
        return "\n".join([*parts, "model {\n}\n"])

    def unconstrained(self) -> str:
        """Return the program with the same parameters without their constraints.

        Its unconstrained coordinates are the entries of the parameters themselves.
        """
        if "parameters" not in self._blocks:
            return self.source
        _, opened, closed = self._blocks["parameters"]
        declared = unconstrained(self.block("parameters"))
        return f"{self.source[: opened + 1]}\n{declared}{self.source[closed:]}"

    def _cut(self) -> dict[str, tuple[int, int, int]]:
        """Return where each block starts, and where its braces open and close."""
        found: dict[str, tuple[int, int, int]] = {}
        at = 0
        while (head := _HEAD.search(self._blank, at)) is not None:
            name = re.sub(r"\s+", " ", head[1])
            closed = _closing(self._blank, head.end() - 1)
            found.setdefault(name, (head.start(), head.end() - 1, closed))
            at = closed + 1
        return found


def position(source: str, index: int) -> str:
    """Return where a character stands: `line 4, column 12`."""
    line = source.count("\n", 0, index) + 1
    return f"line {line}, column {index - source.rfind(chr(10), 0, index)}"


def _closing(text: str, opened: int) -> int:
    """Return where the brace that opens there is closed; the text's end where it is not."""
    depth = 0
    for found in _BRACE.finditer(text, opened):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.start()
    return len(text)
