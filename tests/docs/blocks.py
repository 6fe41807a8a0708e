"""The pages of the house and their fenced code blocks."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Every page that tells a reader what to do.
PAGES = tuple(
    name
    for name in (
        "README.md",
        "models/README.md",
        "workers/README.md",
        "workers/engines/README.md",
        "services/README.md",
        "deploy/README.md",
    )
    if (ROOT / name).exists()
)
#: The service's address in the pages.
ADDRESS = "http://127.0.0.1:8123"

#: Programs whose blocks cannot run in a test, and why. That what they name exists is tested.
ELSEWHERE = {
    "docker": "needs a container engine",
    "docker-compose": "needs a container engine",
    "kubectl": "needs a Kubernetes cluster",
    "helm": "needs a Kubernetes cluster",
    "kind": "needs a container engine",
    "ray": "needs machines to start a cluster on",
    "make": "builds environments and images",
    "ssh": "needs another machine",
}

_FENCE = re.compile(r"^( *)(`{3,}|~{3,})(.*)$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
#: What may stand between two commands of a line.
_JOINTS = ("|", "&&", "||", ";", "&")


@dataclass(frozen=True)
class Block:
    """A fenced block: `language` and `use` are the words after the opening fence."""

    page: str
    #: Of the opening fence.
    line: int
    language: str
    #: `job`, `model`, `data`, ...: what the block is for, where the language does not say it.
    use: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The commands of a shell block, word by word, without assignments in front."""
        found: list[list[str]] = []
        for line in self.text.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in [*_words(line), ";"]:
                if word not in _JOINTS:
                    words.append(word)
                elif words:
                    found.append(words)
                    words = []
        return [_without_assignments(words) for words in found]

    @property
    def elsewhere(self) -> str | None:
        """Why the block cannot run in a test; None where it can."""
        if self.language != "sh":
            return None
        programs = (words[0] for words in self.commands if words)
        return next((ELSEWHERE[name] for name in programs if name in ELSEWHERE), None)

    @property
    def serves(self) -> bool:
        """Whether the block starts a service."""
        return self.language == "sh" and self.text.startswith("credence serve ")


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """Return a page's blocks in order; a fence without its end is an error."""
    found: list[Block] = []
    opened: tuple[int, str, str, list[str]] | None = None
    for number, line in enumerate((ROOT / page).read_text().splitlines(), start=1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence:
                assert not fence[1], f"{page}:{number}: an indented block; put it at the margin"
                opened = (number, fence[2], fence[3].strip(), [])
        elif fence and fence[2] == opened[1] and not fence[3].strip():
            start, _, info, lines = opened
            language, _, use = info.partition(" ")
            found.append(Block(page, start, language, use, "".join(f"{x}\n" for x in lines)))
            opened = None
        else:
            opened[3].append(line)
    assert opened is None, f"{page}:{opened and opened[0]}: a block without its end"
    return tuple(found)


def every_block() -> list[Block]:
    """Return the blocks of all pages."""
    return [block for page in PAGES for block in blocks(page)]


def _words(line: str) -> list[str]:
    """Return a line's words; of a line that is part of a longer text, none."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    try:
        return list(lexer)
    except ValueError:
        return []


def _without_assignments(words: list[str]) -> list[str]:
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    return words


def scenes(page: str) -> list[Block]:
    """Return the blocks of a page's story, in order.

    The block that starts the service is left out: tests have one of theirs.
    """
    return [
        block
        for block in blocks(page)
        if block.language in ("sh", "python")
        and not block.use
        and block.elsewhere is None
        and not block.serves
    ]
