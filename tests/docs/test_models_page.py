"""What `models/README.md` lists is what there is: functions, distributions, supports, catalogue."""

import re

from models.catalog import catalog
from models.distribution_table import TABLE
from models.formula.families import FAMILIES
from models.formula.functions import FUNCTIONS as FORMULA_FUNCTIONS
from models.formula.terms import read_formula
from models.functions import FUNCTIONS
from models.supports import BOUNDED, PLAIN
from tests.docs.blocks import ROOT
from tests.docs.tables import codes, rows

PAGE = "models/README.md"
TEXT = (ROOT / PAGE).read_text()


def listed(which: int) -> list[str]:
    """The words of the last column of a table of the languages."""
    table = rows(PAGE, "## The languages", which)
    return [word for row in table for code in codes(row[-1]) for word in code.split()]


def paragraph(start: str) -> str:
    (found,) = re.findall(rf"^\*\*{start}.*?(?:\n\n|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    return str(found)


def test_every_function_is_there() -> None:
    assert sorted(listed(1)) == sorted(FUNCTIONS)


def test_every_distribution_is_there() -> None:
    assert sorted(listed(2)) == sorted(TABLE)


def test_every_support_is_there() -> None:
    words = [
        word
        for code in codes(paragraph("Supports"))
        for word in re.sub(r"\([^)]*\)", "", code).split()
    ]
    names = [word for word in words if word not in ("parameter", "pyro.param", "ImproperUniform")]
    assert sorted(names) == sorted([*PLAIN, *BOUNDED])


def test_every_ready_made_model_is_there() -> None:
    assert set(codes(paragraph("`catalog`"))) - {"catalog", "GET /v1/catalog"} == set(catalog())


def test_there_are_ten_models() -> None:
    numbers = re.findall(r"^### (\d+)\. ", TEXT, re.MULTILINE)
    assert numbers == [str(n) for n in range(1, 11)]


def test_every_family_is_there_with_its_links() -> None:
    table = {codes(name)[0]: codes(links)[0] for name, links, _ in rows(PAGE, "## Formulas", 1)}
    assert table == {name: " ".join(family.links) for name, family in FAMILIES.items()}


def test_every_function_of_formulas_is_there() -> None:
    (found,) = re.findall(r"^Functions: `([^`]+)`", TEXT, re.MULTILINE)
    assert found.split() == list(FORMULA_FUNCTIONS)


def test_the_operators_of_formulas_mean_what_is_said() -> None:
    for cell, meaning in rows(PAGE, "## Formulas", 0):
        for text in codes(cell.replace("\\|", "|")):
            left = "" if "~" in text else "y ~ "
            if not text.startswith("p("):
                read_formula(left + text)
        if (same := codes(meaning)) and cell in ("`x*z`", "`x/z`"):
            terms = [read_formula(f"y ~ {t}").population for t in (cell.strip("`"), same[0])]
            assert [t.key for t in terms[0].terms] == [t.key for t in terms[1].terms]
