"""Reading the tables of a page."""

import re

from tests.docs.blocks import ROOT


def rows(page: str, heading: str, which: int = 0) -> list[list[str]]:
    """Return the cells of a table, without its head.

    Args:
        page: the page's path.
        heading: a pattern of the heading's line that the table stands under.
        which: the number of the table under that heading, from 0.
    """
    lines = (ROOT / page).read_text().splitlines()
    starts = [i for i, line in enumerate(lines) if re.fullmatch(rf"{heading}.*", line)]
    assert len(starts) == 1, f"{page}: {len(starts)} headings match {heading}"
    tables: list[list[list[str]]] = []
    inside = False
    for line in lines[starts[0] + 1 :]:
        if line.startswith("#"):
            break
        if line.startswith("|"):
            if not inside:
                tables.append([])
            tables[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        inside = line.startswith("|")
    # Without the head and the rule below it.
    return tables[which][2:]


def codes(cell: str) -> list[str]:
    """Return what stands between back-quotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)
