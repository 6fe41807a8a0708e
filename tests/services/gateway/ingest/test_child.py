"""What a reader answers to damaged files: columns, a refusal or its end, and no other exception."""

import collections
import os
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from services.gateway.ingest.caps import Caps
from services.gateway.ingest.child import READERS, answer
from services.gateway.ingest.ingestor import FORMATS
from tests.services.gateway.ingest.posting import file, parquet, stream

TABLE = pa.table(
    {
        "y": [1, 2, 3],
        "x": [0.1, 0.2, 0.3],
        "g": ["a", "b", "a"],
        "d": pa.array(["u", "v", "u"]).dictionary_encode(),
        "m": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    }
)
SEEDS = [
    ("arrow", stream(TABLE)),
    ("arrow", file(TABLE)),
    ("arrow", stream(TABLE, compression="zstd")),
    ("parquet", parquet(TABLE)),
    ("parquet", parquet(TABLE, compression="none", use_dictionary=False)),
    ("csv", b'y,x,g\n1,2.5,"a ""q"""\n-3,1e5,"b"\n'),
    ("json", b'{"y": [1, 2], "X": [[0.5], [1]], "g": ["a", "b"]}'),
]


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Return a body with some bytes changed, or its beginning."""
    if chance.random() < 0.2:
        return body[: chance.randrange(len(body))]
    bytes_ = bytearray(body)
    for _ in range(chance.choice([1, 1, 2, 4])):
        bytes_[chance.randrange(len(body))] = chance.choice([0, 1, 127, 128, 255])
    return bytes(bytes_)


def outcomes(folder: Path, cases: int) -> dict[str, int]:
    """Count what becomes of damaged files, each read in a fork: native code may end it."""
    chance, found = random.Random(7), collections.Counter[str]()
    for case in range(cases):
        form, body = SEEDS[case % len(SEEDS)]
        (folder / "posted").write_bytes(damaged(body, chance))
        child = os.fork()
        if child == 0:
            os.close(2)
            os._exit(_read(folder, form))
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        found[{0: "columns", 1: "refusal", 2: "exception"}.get(code, "end")] += 1
    return dict(found)


def _read(folder: Path, form: str) -> int:
    try:
        found = answer(folder / "posted", folder / "columns", form, Caps(columns=99, bytes=2**24))
        return 1 if "error" in found else 0
    except BaseException:
        return 2


@pytest.mark.slow
def test_damage_is_a_refusal(tmp_path: Path) -> None:
    """In a process of its own, which has one thread and can be forked."""
    script = (
        "import pathlib, sys\n"
        "from tests.services.gateway.ingest.test_child import outcomes\n"
        "found = outcomes(pathlib.Path(sys.argv[1]), 700)\n"
        "print(found)\n"
        "assert 'exception' not in found\n"
        "assert found['refusal'] > 300 and found['columns'] > 50 and found.get('end', 0) < 10\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stdout + out.stderr


def test_every_media_type_has_a_reader() -> None:
    assert set(FORMATS.values()) == set(READERS)
