"""The targets on their seeds and on damaged ones, without the fuzzer; and that they can fail."""

import random

import pytest

from models.errors import DefinitionError
from tests.fuzz import targets as module
from tests.fuzz.__main__ import main
from tests.fuzz.targets import TARGETS, BrokenError, named
from tests.watched import EscapeError

#: Damaged inputs of a target.
CASES = 150


def damaged(body: bytes, words: tuple[str, ...], chance: random.Random) -> bytes:
    """Return a body with some bytes changed, left out or doubled, or with a word put in."""
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(body) + 1)
        put = [bytes([chance.randrange(256)]), body[at : at + 8] * 2, b""]
        if words:
            put.append(chance.choice(words).encode())
        body = body[:at] + chance.choice(put) + body[at + chance.choice([0, 0, 1, 5]) :]
    return body


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_keep_the_promises(name: str) -> None:
    target = named(name)
    assert target.seeds
    for seed in target.seeds:
        target.run(seed)
    target.run(b"")


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_seeds_keep_the_promises(name: str) -> None:
    target, chance = named(name), random.Random(11)
    for _ in range(CASES):
        target.run(damaged(chance.choice(target.seeds), target.words, chance))


def test_an_error_that_is_not_declared_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> None:
        raise RecursionError

    monkeypatch.setattr(module, "read_formula", fail)
    with pytest.raises(RecursionError):
        TARGETS["formula"].run(b"y ~ x")


def test_an_error_without_a_place_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> None:
        raise DefinitionError("", "something is wrong somewhere")

    monkeypatch.setattr(module, "read_formula", fail)
    with pytest.raises(BrokenError, match="something is wrong"):
        TARGETS["formula"].run(b"y ~ x")


def test_a_text_that_reaches_the_system_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def escape(text: str) -> None:
        __import__("os").system("true")

    monkeypatch.setattr(module, "StanText", escape)
    with pytest.raises(EscapeError):
        TARGETS["stan"].run(b"model {}")


def test_an_unknown_target_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError, match="did you mean 'formula'"):
        named("formulas")
    with pytest.raises(SystemExit):
        main(["jsn"])
    assert "no target 'jsn'" in capsys.readouterr().err
