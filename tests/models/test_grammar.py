"""The allowlist of expressions; `test_program_grammar.py` has the corpus of what is refused."""

import ast

import pytest

from models.errors import DefinitionError
from models.grammar import Grammar


def check(text: str) -> list[str]:
    read: list[str] = []
    grammar = Grammar(lambda node: "here", lambda node: read.append(node.id), lambda name: False)
    grammar.check(ast.parse(text, mode="eval").body)
    return read


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a + b * c", ["a", "b", "c"]),
        ("exp(a)[b:, None, ...]", ["a", "b"]),
        ("torch.linalg.cholesky(a).T", ["a"]),
        ("a if b > 0 else c", ["b", "a", "c"]),
        ("torch.zeros(2, dtype=torch.float64) + math.pi", []),
        ("a.sum(-1, keepdim=True)", ["a"]),
        ("[a, (b, 1)]", ["a", "b"]),
        ("~a & (b | c)", ["a", "b", "c"]),
    ],
)
def test_reads_the_names(text: str, names: list[str]) -> None:
    assert sorted(check(text)) == sorted(names)


@pytest.mark.parametrize(
    "text", ["pyro.sample(a, b)", "dist.Normal(0, 1)", "dist.constraints.positive"]
)
def test_a_graph_has_no_primitives(text: str) -> None:
    with pytest.raises(DefinitionError, match=r"here: .*is not part of model text"):
        check(text)


#: Every kind of expression node that is not on the allowlist.
OTHERS = [
    "lambda: 1", "{1: 2}", "{1}", "[i for i in a]", "{i for i in a}", "{i: 1 for i in a}",
    "(i for i in a)", "(a := 1)", "f'{a}'", "exp(*a)", "a << 1", "a >> 1", "a ^ 1", "a in b",
    "a not in b", "b''", "1j",
]  # fmt: skip


@pytest.mark.parametrize("text", OTHERS)
def test_everything_else_is_refused_with_advice(text: str) -> None:
    with pytest.raises(DefinitionError, match="not part of model text"):
        check(text)
