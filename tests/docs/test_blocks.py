"""No block of a page is skipped in silence: each is of a known kind, and each kind is tried."""

import json
import math
import re
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml

from models.compile import check_model
from models.definition import parse_definition
from models.loading import load_for
from services.errors import Problem
from tests.docs.blocks import ADDRESS, PAGES, ROOT, Block, blocks, every_block, scenes
from workers.request import JobRequest
from workers.results import Result

#: Language and use -> what becomes of the block. `python` and `sh` are in `test_stories`.
KINDS = {
    ("python", ""): "a part of the page's story",
    ("sh", ""): "a part of the page's story, or something that runs elsewhere",
    ("python", "model"): "compiled with the data that follow",
    ("json", "data"): "the data of the models above it",
    ("json", "job"): "read and compiled as the gateway does",
    ("json", "result"): "read as a result",
    ("json", "problem"): "read as a problem",
    ("text", ""): "what a program prints",
}
COMPOSE = ROOT / "docker-compose.yml"


def of(language: str, use: str) -> list[Any]:
    found = [block for block in every_block() if (block.language, block.use) == (language, use)]
    return [pytest.param(block, id=str(block)) for block in found]


def fit_pairs() -> list[Any]:
    """Every Pyro text with the data block that follows it."""
    pairs: list[Any] = []
    for page in PAGES:
        texts: list[Block] = []
        for block in blocks(page):
            if (block.language, block.use) == ("python", "model"):
                texts.append(block)
            elif (block.language, block.use) == ("json", "data"):
                assert texts, f"{block}: data without a model"
                pairs += [pytest.param(text, block, id=str(text)) for text in texts]
                texts = []
        assert not texts, f"{texts[0]}: a model without data"
    return pairs


def compiles(definition: Any, data: Any) -> None:
    parsed = parse_definition(definition)
    described = check_model(parsed, load_for(parsed, data))
    assert described.log_density is not None
    assert math.isfinite(described.log_density)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_blocks_and_each_is_of_a_known_kind(page: str) -> None:
    found = blocks(page)
    assert found
    for block in found:
        assert (block.language, block.use) in KINDS, f"{block}: a block of an unknown kind"
        assert block.text.strip(), f"{block}: an empty block"


@pytest.mark.parametrize("block", of("json", "job"))
def test_a_job_compiles_on_its_data(block: Block) -> None:
    body = json.loads(block.text)
    JobRequest.model_validate(body)
    compiles(body["model"], body["data"])


@pytest.mark.parametrize(("model", "data"), fit_pairs())
def test_a_model_compiles_on_its_data(model: Block, data: Block) -> None:
    compiles({"language": "pyro", "source": model.text}, json.loads(data.text))


@pytest.mark.parametrize("block", of("json", "result"))
def test_a_result_is_one(block: Block) -> None:
    Result.model_validate(json.loads(block.text))


@pytest.mark.parametrize("block", of("json", "problem"))
def test_a_problem_is_one(block: Block) -> None:
    problem = Problem.model_validate(json.loads(block.text))
    assert not problem.model_extra


@pytest.mark.parametrize(
    "block", [pytest.param(b, id=str(b)) for b in every_block() if b.elsewhere is not None]
)
def test_what_runs_elsewhere_names_only_what_there_is(block: Block) -> None:
    services = set(yaml.safe_load(COMPOSE.read_text())["services"]) if COMPOSE.exists() else set()
    for words in block.commands:
        if words[0] == "make":
            assert set(words[1:2]) <= targets(), f"{block}: make has no target {words[1]}"
        if words[:2] == ["docker", "compose"] or words[0] == "docker-compose":
            scaled = [word.partition("=")[0] for word in words if re.fullmatch(r"\w+=\d+", word)]
            assert set(scaled) <= services, f"{block}: compose has no service {scaled}"
        for word in words:
            if is_path(word):
                assert exists(word), f"{block}: there is no {word}"


def targets() -> set[str]:
    """What `make` can be asked for."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def is_path(word: str) -> bool:
    """Whether a word is a path into the repository."""
    plain = re.fullmatch(r"[\w./-]+", word) is not None and not word.startswith(("-", "/", "."))
    return plain and (ROOT / PurePosixPath(word).parts[0]).is_dir() and "/" in word


def exists(word: str) -> bool:
    """Whether a path exists, or is a copy of an example that the reader makes."""
    path = ROOT / word
    return path.exists() or path.with_suffix(f".example{path.suffix}").exists()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page}: {target} leads nowhere"
        if anchor:
            page_of = path / "README.md" if path.is_dir() else path
            assert anchor in anchors(page_of.read_text()), f"{page}: {target} has no such heading"


def anchors(text: str) -> set[str]:
    """Return the names by which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_stories_ask_the_service_that_they_start() -> None:
    for block in every_block():
        if block.serves:
            port = ADDRESS.rpartition(":")[2]
            assert block.text.startswith(f"credence serve --port {port} "), f"{block}: other port"


def test_every_story_has_its_test() -> None:
    # In `test_stories`.
    assert [page for page in PAGES if scenes(page)] == ["README.md", "services/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_targets_in_the_text_are_there(page: str) -> None:
    named = re.findall(r"`make ([a-z-]+)`", (ROOT / page).read_text())
    assert set(named) <= targets()
    if page == "README.md":
        assert targets() - set(named) == {"clean"}
