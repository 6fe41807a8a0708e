"""`python -m tests.fuzz.one TARGET FOLDER SECONDS`: fuzzes one target with atheris.

It ends when the time is over (status 0), and where a promise is broken or an input takes longer
than `SLOWEST` (another): that input lies in FOLDER/broken then. FOLDER/corpus keeps what led
somewhere.
"""

import sys
from pathlib import Path

import atheris

# Coverage is of our own code: what is imported under this is rewritten to tell.
with atheris.instrument_imports(include=["models", "workers", "services"]):
    from tests.fuzz.targets import named

#: Seconds that one input may take, and megabytes of memory. What is promised is 5 s; code that
#: tells where it was takes several times as long.
SLOWEST, MEMORY = 25, 4096
#: Bytes of an input: as many as a longest formula or expression.
LONGEST = 10_000


def main(name: str, folder: Path, seconds: int) -> None:
    """Fuzz until the time is over or something breaks; ends the process."""
    target = named(name)
    corpus, seeds, broken = (folder / part for part in ("corpus", "seeds", "broken"))
    for directory in (corpus, seeds, broken):
        directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (seeds / f"{number:04d}").write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MEMORY}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={broken}/",
        f"-dict={words}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus), str(seeds)], target.run)
    atheris.Fuzz()


def _escaped(word: str) -> str:
    """A word as libFuzzer's dictionaries have it."""
    plain = {byte: chr(byte) for byte in range(32, 127) if chr(byte) not in '"\\'}
    return "".join(plain.get(byte, f"\\x{byte:02x}") for byte in word.encode())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
