"""From a formula's text to its tree, by recursive descent; nothing else is ever done with the text.

    formula   = response "~" terms
    terms     = terms ("+" | "-") terms | terms ("*" | "/") terms | terms ":" terms
              | terms "**" integer | factor | "0" | "1" | "(" terms ")" | "(" terms "|" terms ")"
    factor    = name | function "(" arithmetic {"," [name "="] arithmetic} ")"

Arithmetic, within a function, is `+ - * / **` on names, numbers and functions.
"""

from models.binding import did_you_mean
from models.formula.functions import FUNCTIONS
from models.formula.syntax import BINDING, Bar, Binary, Call, Name, Node, Number, Unary
from models.formula.tokens import Kind, Token, refusal, tokens

#: Brackets within brackets, signs before signs, powers of powers.
MAX_DEPTH = 40
#: Levels of the tree, of which a sum is one however long it is: whoever reads it goes as deep.
MAX_HEIGHT = 120


def parse(text: str) -> tuple[Node, Node]:
    """Return the response and the terms of a formula.

    Raises:
        DefinitionError: it is outside the language; the path is `formula, column N`.
    """
    return _Parser(tokens(text)).formula()


def parse_terms(text: str) -> Node:
    """Return the tree of a formula's right side, such as `x1:C(group)`.

    Raises:
        DefinitionError: as above.
    """
    parser = _Parser(tokens(text))
    terms = parser.expression(0, inside=False)
    parser.end()
    return terms


class _Parser:
    """A formula's tokens and how far they are read."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0
        self._depth = 0
        #: Levels of the node that was read last.
        self._height = 0

    def formula(self) -> tuple[Node, Node]:
        """Read all of it."""
        if self._token.text == "~":
            raise refusal(self._token.column, "write the response before `~`, as `y ~ x`")
        response = self._primary(inside=False)
        if self._token.text != "~":
            raise self._unexpected("write `~` after the response, as `y ~ x`")
        self._advance()
        terms = self.expression(0, inside=False)
        self.end()
        return response, terms

    def end(self) -> None:
        """Check that nothing is left."""
        if self._token.kind is not Kind.END:
            raise self._unexpected("write an operator such as `+` before it, or remove it")

    def expression(self, loosest: int, *, inside: bool) -> Node:
        """Read operands joined by operators that bind at least so tightly."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise refusal(self._token.column, f"nested deeper than {MAX_DEPTH}; write fewer ( )")
        left, joined = self._signed(inside), 0
        height = self._height
        while (binding := self._binding(inside)) is not None and binding >= loosest:
            operator = self._advance()
            joined += binding > 1 or inside
            if joined > MAX_DEPTH:
                raise refusal(operator.column, f"more than {MAX_DEPTH} operators in a row; add ( )")
            # All group from the left but the power.
            tighter = binding if operator.text == "**" else binding + 1
            right = self.expression(tighter, inside=inside)
            tight = binding > 1 or inside
            height = self._checked(max(height + tight, self._height + 1), operator)
            left = Binary(operator.text, left, right, operator.column)
        self._depth -= 1
        self._height = height
        return left

    def _checked(self, height: int, token: Token) -> int:
        if height > MAX_HEIGHT:
            raise refusal(token.column, f"a tree of more than {MAX_HEIGHT} levels; write fewer ( )")
        return height

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _advance(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _binding(self, inside: bool) -> int | None:
        text = self._token.text
        return None if inside and text == ":" else BINDING.get(text)

    def _signed(self, inside: bool) -> Node:
        if self._token.text not in ("+", "-"):
            return self._primary(inside=inside)
        sign = self._advance()
        operand = self.expression(BINDING["**"], inside=inside)
        self._height = self._checked(self._height + 1, sign)
        return operand if sign.text == "+" else Unary("-", operand, sign.column)

    def _primary(self, *, inside: bool) -> Node:
        token = self._token
        self._height = 0
        if token.kind is Kind.NUMBER:
            self._advance()
            return Number(token.text, token.column)
        if token.kind is Kind.NAME:
            self._advance()
            called = self._token.text == "("
            return self._call(token) if called else Name(token.text, token.column)
        if token.text != "(":
            raise self._unexpected("write a column, a function or `(`")
        self._advance()
        node = self.expression(0, inside=inside)
        if not inside and self._token.text == "|":
            bar, effects = self._advance(), self._height
            node = Bar(node, self.expression(0, inside=False), bar.column)
            self._height = self._checked(max(effects, self._height) + 1, bar)
        self._close(token)
        return node

    def _call(self, name: Token) -> Node:
        if name.text not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            hint = did_you_mean(name.text, list(FUNCTIONS)) or ""
            raise refusal(name.column, f"unknown function '{name.text}'{hint}; known are {known}")
        opening = self._advance()
        arguments: list[Node] = []
        keywords: list[tuple[str, Node]] = []
        height = 0
        while True:
            keyword = self._keyword(name.text, [known for known, _ in keywords])
            value = self.expression(0, inside=True)
            height = max(height, self._height)
            if keyword is not None:
                keywords.append((keyword, value))
            elif keywords:
                raise refusal(opening.column, "write arguments with a name last")
            else:
                arguments.append(value)
            if self._token.text != ",":
                break
            self._advance()
        self._close(opening)
        self._height = self._checked(height + 1, name)
        call = Call(name.text, tuple(arguments), tuple(keywords), name.column)
        FUNCTIONS[name.text].check(call)
        return call

    def _keyword(self, function: str, before: list[str]) -> str | None:
        token = self._token
        if token.kind is not Kind.NAME or self._tokens[self._next + 1].text != "=":
            return None
        known = FUNCTIONS[function].keywords
        if token.text not in known or token.text in before:
            wanted = f"write one of {', '.join(known)}, each once" if known else "it takes none"
            raise refusal(token.column, f"{function}: no argument '{token.text}' here; {wanted}")
        self._next += 2
        return token.text

    def _close(self, opening: Token) -> None:
        if self._token.text != ")":
            raise self._unexpected(f"the `(` at column {opening.column} is not closed before it")
        self._advance()

    def _unexpected(self, advice: str) -> Exception:
        token = self._token
        if token.text == "||":
            advice = "write independent effects as `(1 | g) + (0 + x | g)`"
        elif token.text == "|":
            advice = "write effects that vary by group in brackets, as `(1 + x | g)`"
        elif token.text == "~":
            advice = "a formula has one `~`, after the response"
        shown = "the end" if token.kind is Kind.END else f"'{token.text}'"
        return refusal(token.column, f"unexpected {shown}: {advice}")
