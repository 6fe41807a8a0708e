"""What is made of the library's messages."""

from models.errors import DataError, DefinitionError, UnavailableError
from models.stan.messages import build_error, compile_error

SEMANTIC = """Semantic error in 'string', line 5, column 6 to column 11:
   -------------------------------------------------
     3:  }
     4:  model {
     5:    a ~ nrmal(0, 1);
               ^
     6:  }
   -------------------------------------------------

Ill-typed arguments to "~"-statement. No distribution
"nrmal".
"""


def test_a_mistake_has_its_place_counted_from_1_and_one_line() -> None:
    found = compile_error(SEMANTIC)
    assert found.path == "line 5, column 7"
    assert found.message == 'Ill-typed arguments to "~"-statement. No distribution "nrmal".'


def test_a_picture_that_is_cut_off_is_left_out() -> None:
    found = compile_error(SEMANTIC.partition("     5:")[0])
    assert found.path == "line 5, column 7"
    assert found.message == "Semantic error in 'string', line 5, column 6 to column 11:"


def test_a_message_of_another_form_is_kept() -> None:
    found = compile_error("Internal compiler error")
    assert (found.path, found.message) == ("model.source", "Internal compiler error")


def test_data_are_named_where_they_are_to_blame() -> None:
    found = build_error("stanli MIR check: N is 3, but must be positive", ["N"])
    assert (type(found), found.path) == (DataError, "data.N")
    assert found.message == "N is 3, but must be positive"
    other = build_error("stanli MIR check: s is 3, but must be positive", ["N"])
    assert (type(other), other.path) == (DefinitionError, "model.source")


def test_what_the_library_cannot_do_is_said_so() -> None:
    found = build_error("stanli compile: unsupported parameter transform | in: (Huge tree)", [])
    assert type(found) is UnavailableError
    assert found.message.startswith("unsupported parameter transform is not available")
