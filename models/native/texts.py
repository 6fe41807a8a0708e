"""The C++ texts of operands and of addresses."""

from dataclasses import dataclass, replace

from models.native.frames import Makers, Spot, frame_of
from models.native.operations import number
from models.native.statements import Access, Statement, Store
from models.native.values import Known, Producer, Shape

_TYPES = {"real": "R", "double": "F", "bfloat": "R"}


def type_name(kind: str) -> str:
    """Return the C++ type of vectors of a kind of numbers."""
    return _TYPES[kind]


def vector(producer: Producer) -> str:
    """Return the C++ type of a producer's numbers."""
    if producer.kind == "bool":
        return f"Mask<{_TYPES[producer.mask]}>"
    return _TYPES[producer.kind]


def filled(producer: Producer) -> str:
    """Return the text of what a producer holds before anything is written."""
    if producer.kind == "bool":
        return f"{vector(producer)}{{}}"
    return f"splat<{vector(producer)}>({number(producer.initial or 0.0)})"


@dataclass(frozen=True)
class Scope:
    """A statement, and the names of its places' indices: `i0` of loops, `k0` within a turn."""

    statement: Statement
    names: tuple[str, ...]

    def at(self, row: str) -> "Scope":
        """Return the scope with another name for the loop's first dimension."""
        outer = frame_of(self.statement.domain).outer
        names = [row if outer and d == outer[0] else n for d, n in enumerate(self.names)]
        return replace(self, names=tuple(names))


def scope_of(statement: Statement) -> Scope:
    """Return the scope of a statement in its loop."""
    outer = frame_of(statement.domain).outer
    names = (f"i{outer.index(d)}" if d in outer else f"k{d}" for d in range(len(statement.domain)))
    return Scope(statement, tuple(names))


def affine(strides: Shape, names: tuple[str, ...], offset: int = 0) -> str:
    """Return the text of `offset + sum(stride * index)`."""
    terms = [str(offset)] if offset else []
    for stride, name in zip(strides, names, strict=True):
        if stride:
            terms.append(name if stride == 1 else f"{stride} * {name}")
    return " + ".join(terms) or "0"


class Texts:
    """Knows where numbers are: in memory, in registers of this turn, or loaded before the loop.

    Args:
        places: where each stored producer lies, as a C++ expression of a pointer.
        makers: the statements that make each producer.
    """

    def __init__(self, places: dict[Producer, str], makers: Makers) -> None:
        self._places, self._makers = places, makers
        self._registers: dict[Producer, str] = {}
        self._loaded: dict[tuple[Producer | Known, int], str] = {}

    def forget(self) -> None:
        """Begin another loop."""
        self._registers, self._loaded = {}, {}

    def hold(self, producer: Producer, name: str) -> None:
        """Note the register, or the array of them, that has what a turn made."""
        self._registers[producer] = name

    def held(self, producer: Producer) -> str | None:
        """Return that name."""
        return self._registers.get(producer)

    def in_registers(self, producer: Producer) -> bool:
        """Return whether an array is first made in registers: what lies in memory in the end is
        not, where several statements write it.
        """
        apart = isinstance(self._makers.of(producer)[0], Store)
        return self.made_in_a_turn(producer) > 0 and not (apart and self.stored(producer))

    def begins(self, statement: Statement) -> bool:
        """Return whether a statement is the first to make its array."""
        return self._makers.of(statement.out)[0] is statement

    def stored(self, producer: Producer) -> bool:
        """Return whether a producer lies in memory."""
        return producer in self._places

    def at(self, producer: Producer, address: str) -> str:
        """Return the text of a number in memory."""
        return f"{self._places[producer]}[{address}]"

    def load_before(self, read: Access) -> str | None:
        """Return a declaration, for before the loop, of a number that does not change in it.

        The compiler alone would suspect every store of changing it.
        """
        key = (read.source, read.offset)
        if key in self._loaded:
            return None
        name = f"same_{len(self._loaded)}"
        if isinstance(read.source, Known):
            text = f"const auto {name} = a{read.source.index}[{read.offset}];"
        else:
            kind = vector(read.source)
            text = f"const {kind} {name} = {self.at(read.source, str(read.offset))};"
        self._loaded[key] = name
        return text

    def read(self, read: Access | float, want: str, scope: Scope, compute: str = "real") -> str:
        """Return the text of an operand as `want`: `real`, `double` or `mask` (of `compute`)."""
        if isinstance(read, Access) and isinstance(read.source, Producer):
            name = self._registers.get(read.source)
            if name is not None:
                text = name + self._spot(read.source, read, scope)
                return _as(text, read.source, want, compute)
        return self.load(read, want, scope, compute)

    def _spot(self, producer: Producer, read: Access, scope: Scope) -> str:
        where = self._makers.found(producer, read, scope.statement)
        assert where is not None, "a register of another turn"
        return self._among(producer, where, scope)

    def made(self, access: Access, scope: Scope) -> str:
        """Return the register that a statement's number goes to."""
        producer = access.source
        assert isinstance(producer, Producer)
        turns = self._makers.turns(producer)
        where = turns.found(access, scope.statement.domain) if turns else None
        assert where is not None, "not made in turns"
        return self._registers[producer] + self._among(producer, where, scope)

    def _among(self, producer: Producer, where: Spot, scope: Scope) -> str:
        """Return the text of an index among what a turn made; none where that is one number."""
        if self.made_in_a_turn(producer) == 1:
            return ""
        inner = tuple(scope.names[d] for d in frame_of(scope.statement.domain).inner)
        return f"[{affine(where.strides, inner, where.offset)}]"

    def made_in_a_turn(self, producer: Producer) -> int:
        """Return how many of an array's numbers a turn makes for itself, 0 if it does not."""
        turns = self._makers.turns(producer)
        return turns.count if turns else 0

    def load(
        self,
        read: Access | float,
        want: str,
        scope: Scope,
        compute: str = "real",
        more: str = "",
    ) -> str:
        """Return the text of an operand that lies in memory, `more` numbers further on."""
        if isinstance(read, float):
            if want == "mask":
                return f"(Mask<{_TYPES[compute]}>{{}} - {int(read != 0)})"
            return f"splat<{_TYPES[want]}>({number(read)})"
        constant = not more and not any(read.strides) and not read.tables
        same = self._loaded.get((read.source, read.offset)) if constant else None
        if isinstance(read.source, Known):
            text = same or self.entry(read, scope, more)
            if want == "mask":
                return f"(Mask<{_TYPES[compute]}>{{}} - ({text} != 0))"
            return f"splat<{_TYPES[want]}>({text})"
        text = same or self.at(read.source, self.address(read, scope, more))
        return _as(text, read.source, want, compute)

    def entry(self, read: Access, scope: Scope, more: str = "") -> str:
        """Return the text of one number of data."""
        assert isinstance(read.source, Known)
        return f"a{read.source.index}[{self.address(read, scope, more)}]"

    def address(self, access: Access, scope: Scope, more: str = "") -> str:
        """Return the text of an address."""
        text = affine(access.strides, scope.names, access.offset)
        for table in access.tables:
            pick = f"a{table.known.index}[{affine(table.strides, scope.names)}]"
            text += f" + {table.stride} * wrapped({pick}, {table.size})"
        return f"{text} + {more}" if more else text


def _as(text: str, producer: Producer, want: str, compute: str) -> str:
    """Return a text of a producer's number as another type."""
    kind, mask = producer.kind, producer.mask
    if kind == "bool" and want == "mask":
        return text if mask == compute else f"cast<Mask<{_TYPES[compute]}>>({text})"
    if kind == "bool":
        text, kind = f"indicator<{_TYPES[mask]}>({text})", mask
    if want == "mask":
        text = f"({text} != splat<{_TYPES[kind]}>(0))"
        same = _TYPES[kind] == _TYPES[compute]
        return text if same else f"cast<Mask<{_TYPES[compute]}>>({text})"
    return text if _TYPES[kind] == _TYPES[want] else f"cast<{_TYPES[want]}>({text})"
