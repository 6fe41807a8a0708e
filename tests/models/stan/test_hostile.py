"""Programs that were made to break something: the checks before the compiler, and the process."""

import re
import time

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import DefinitionError, ModelError, TooLargeError
from models.stan.declarations import declarations
from models.stan.link import Means, RefusedError
from models.stan.outline import outline
from models.stan.process import StanProcess
from models.stan.text import StanText
from tests.models.stan.programs import built
from tests.models.stan.test_compile import NORMAL, model

#: Seconds of processor time in which a mistake is answered (API.md).
SOON = 5.0
FUZZ = settings(
    derandomize=True,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
_WORDS = st.sampled_from(
    [
        *(
            "functions {",
            "data {",
            "transformed data{",
            "parameters {",
            "transformed\t parameters{",
        ),
        *(
            "model {",
            "generated quantities {",
            "}",
            "{",
            "}",
            ";",
            ",",
            "(",
            ")",
            "[",
            "]",
            "<",
            ">",
        ),
        *("//", "/*", "*/", "/", "*", '"', "'", "\n", "\r", "\r\n", " ", "\t", "\f", "\v", "\\"),
        *("#include", "# include", "#", "include", "<a.stan>", '"a.stan"', "print(", "reject("),
        *("real a;", "array[2] int", "vector<lower=0>[3]", "tuple(real, int)", "x", "= {1, 2}"),
        *("for (i in 1:3)", "data", "é", "\u0430", "\u2028", "\x85", "\0", "\ud800"),
    ]
)
PROGRAMS = st.lists(_WORDS | st.characters(), max_size=40).map("".join)


def blank(source: str) -> str:
    """The program with spaces for comments and texts, read letter by letter as a lexer does."""
    out, at = list(source), 0

    def hide(first: int, last: int) -> int:
        for place in range(first, last):
            if out[place] not in "\n\r":
                out[place] = " "
        return last

    def end_of_line(first: int) -> int:
        ends = [e for e in (source.find("\n", first), source.find("\r", first)) if e >= 0]
        return min(ends, default=len(source))

    while at < len(source):
        if source.startswith("//", at):
            at = hide(at, end_of_line(at))
        elif source.startswith("/*", at):
            end = source.find("*/", at + 2)
            at = hide(at, len(source) if end < 0 else end + 2)
        elif source[at] == '"' and 0 <= source.find('"', at + 1) < end_of_line(at):
            at = hide(at, source.find('"', at + 1) + 1)
        else:
            at += 1
    return "".join(out)


def cut(source: str) -> StanText | DefinitionError:
    """The program's text, or why it is refused."""
    began = time.process_time()
    try:
        found: StanText | DefinitionError = StanText(source)
    except DefinitionError as error:
        found = error
    assert time.process_time() - began < SOON
    return found


@FUZZ
@given(PROGRAMS)
def test_comments_texts_and_files_are_found_as_a_lexer_finds_them(source: str) -> None:
    found = cut(source)
    refused = re.search("[\0\ud800-\udfff]", source) or re.search(r"#\s*include\b", blank(source))
    if isinstance(found, DefinitionError):
        assert refused
        assert re.fullmatch(r"line \d+, column \d+", found.path)
        return
    assert not refused
    assert found._blank == blank(source)
    if all(closed < len(source) for _, _, closed in found._blocks.values()):
        # What it is cut into is a program again, and declares what it declares.
        bare = StanText(found.transforms())
        for block in ("data", "parameters"):
            assert declarations(bare.block(block)) == declarations(found.block(block))


@FUZZ
@given(PROGRAMS)
def test_declarations_are_names(block: str) -> None:
    for declared in declarations(blank(block)):
        assert re.fullmatch(r"[A-Za-z]\w*", declared.name)
        assert declared.support


@pytest.mark.parametrize(
    "hidden",
    [
        "// a comment\r#include /etc/passwd\nmodel {}",
        '"no text\r#include "/etc/passwd"\nmodel {}',
        "/* a */ #include /etc/passwd\nmodel {}",
        '"//" #include /etc/passwd\nmodel {}',
        '"/*" #include /etc/passwd\n"*/" model {}',
        "/**/#include/**/</etc/passwd>\nmodel {}",
        "model {} //*\n#include </etc/passwd> //*/",
    ],
)
def test_no_file_hides_behind_a_comment(hidden: str) -> None:
    with pytest.raises(DefinitionError, match="#include") as caught:
        StanText(hidden)
    assert caught.value.path.startswith("line ")


def test_behind_the_check_the_process_opens_no_file() -> None:
    process = StanProcess(Means())
    for path in ("/etc/passwd", "/proc/self/environ"):
        for form in (f"#include <{path}>", f'#include "{path}"', f"#include {path}"):
            with pytest.raises(RefusedError) as caught:
                process.translate(f"{form}\nmodel {{}}")
            assert "root:" not in str(caught.value)
            assert "PATH=" not in str(caught.value)
    process.translate(NORMAL)
    process.close()


#: A megabyte that one rule or another might read again and again.
LONG = {
    "comments without end": "/*" * 499_000,
    "comments": "/**/" * 249_000,
    "quotes": '"\n' * 499_000,
    "a quote and a line": '"' + "x" * 990_000,
    "blocks": "data{}" * 160_000,
    "blocks that stay open": "data{" * 190_000,
    "braces": "model {" + "{" * 490_000 + "}" * 490_000 + "}",
    "words of two": "transformed " * 80_000,
    "a gap": "transformed" + " " * 980_000,
    "hashes": "#" * 990_000,
    "hashes and gaps": "# \n" * 330_000,
    "carriage returns": "\r" * 990_000,
    "one statement": "data { real x = " + "1+" * 490_000 + "1; }",
    "one list": "data { array[9] real x = {" + "1," * 490_000 + "1}; }",
    "many lists": "data { array[1] real " + ",".join(f"a{i}={{1}}" for i in range(85_000)) + "; }",
    "many names": "parameters { real " + ",".join(f"a{i}" for i in range(135_000)) + "; }",
    "many statements": "parameters { " + "real a;" * 140_000 + "}",
    "many loops": "generated quantities { " + "for(i in 1:2){} " * 60_000 + "}",
    "many bounds": "parameters { " + "real<lower=0,upper=1> a;" * 40_000 + "}",
}


@pytest.mark.parametrize("name", LONG)
def test_a_megabyte_is_read_soon(name: str) -> None:
    source = LONG[name]
    assert 900_000 < len(source) <= 1_000_000
    began = time.process_time()
    text = StanText(source)
    outline(text)
    text.transforms()
    assert time.process_time() - began < SOON


#: Name -> program; each ends in a sentence, and the next program is none the worse.
PROGRAMS_THAT_BREAK = {
    "deep brackets": model("target += " + "(" * 20_000 + "a" + ")" * 20_000 + ";"),
    "deep signs": model("target += " + "-" * 20_000 + "a;"),
    "deep blocks": model("{" * 20_000 + "}" * 20_000),
    "deep conditions": model("if (a > 0) " * 20_000 + "target += a;"),
    "deep arrays": model("array[1] real x = " + "{" * 20_000 + "a" + "}" * 20_000 + ";"),
    "deep functions": model("target += " + "exp(" * 20_000 + "a" + ")" * 20_000 + ";"),
    "many dimensions": f"parameters {{ array[{', '.join(['1'] * 5_000)}] real a; }} model {{}}",
    "a size below zero": "parameters { vector[-1] a; } model {}",
    "a size beyond an integer": "parameters { vector[3000000000] a; } model {}",
    "a terabyte of parameters": "parameters { array[2000000, 60000] real a; } model {}",
    "a terabyte of results": NORMAL
    + " generated quantities { matrix[300000, 300000] b = rep_matrix(1, 300000, 300000); }",
    "nothing": "",
    "blanks": " \n\t" * 1000,
    "only a comment": "// nothing",
    "no letters": "\u0430\u0431\u0432 {}",
    "binary": "".join(chr(c) for c in range(1, 128)),
    "a fatal error": model('fatal_error("never");'),
}


#: Those that are programs after all, whatever depth the compiler bears.
_ALLOWED = ("deep", "nothing", "blanks", "only a comment")


def look(source: str) -> str | ModelError | None:
    """Why a program is refused, or what it says of the origin."""
    try:
        density = built(source, seconds=2.0, memory=1 << 30)
    except ModelError as error:
        return error
    said = density.trouble(torch.zeros(density.dim, dtype=torch.float64))
    density.close()
    return said


@pytest.mark.parametrize(
    "name",
    # The compiler looks at depth for as long as it may.
    [
        pytest.param(name, marks=pytest.mark.slow) if name.startswith("deep") else name
        for name in PROGRAMS_THAT_BREAK
    ],
)
def test_what_breaks_the_compiler_is_a_sentence(name: str) -> None:
    began = time.perf_counter()
    found = look(PROGRAMS_THAT_BREAK[name])
    if isinstance(found, ModelError):
        assert found.path
        assert 10 < len(found.message) < 600
        assert "\n" not in found.message
    else:
        assert found or name.startswith(_ALLOWED)
    assert time.perf_counter() - began < 60
    again = built(NORMAL)
    assert np.isfinite(again.at_origin)
    again.close()


def test_a_program_of_ten_thousand_lines_is_compiled_or_refused_with_its_line() -> None:
    lines = "".join(f"  target += normal_lpdf(a | {i}, 1);\n" for i in range(10_000))
    density = built(model(lines))
    assert np.isfinite(density.at_origin)
    density.close()
    wrong = lines.replace("a | 7000,", "b | 7000,")
    with pytest.raises(DefinitionError, match='"b"') as caught:
        built(model(wrong))
    assert caught.value.path.startswith("line 7005, column ")


def test_a_message_without_end_is_cut() -> None:
    density = built(model("reject(rep_vector(a, 1000000));"))
    assert density.at_origin == -np.inf
    said = density.trouble(torch.zeros(1, dtype=torch.float64))
    assert said is not None
    assert len(said) <= 300
    density.close()


def test_what_it_prints_is_nobodys(capfd: pytest.CaptureFixture[str]) -> None:
    density = built(model('for (i in 1:1000) print("SPAM", a); target += -a^2;'))
    assert np.isfinite(density.at_origin)
    density.close()
    out, err = capfd.readouterr()
    assert "SPAM" not in out + err


def test_many_processes_leave_nothing_behind() -> None:
    for _ in range(5):
        with pytest.raises(TooLargeError, match="longer than"):
            built(model("real x = a; while (x == x) x += 1e-9; target += x;"), seconds=0.2)
    assert np.isfinite(built(NORMAL).at_origin)
