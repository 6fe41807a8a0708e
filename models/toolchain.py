"""The C++ compiler of this machine, and the shared objects that it has built.

A shared object is kept on disk under a digest of all that makes it: source, headers, flags, the
compiler and the processor. It is code that this process will run, so the directory must be ours
alone, and a file counts only if it ends in the digest of its own content: whatever was cut short
or altered is built again.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

#: Not `-ffast-math`: NaN and infinity must work.
FLAGS = (
    "-O3",
    "-march=native",
    "-std=c++17",
    "-fPIC",
    "-shared",
    "-pthread",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fopenmp-simd",
    "-Wno-psabi",
)
#: With glibc's vector mathematics; the macro tells the source that it may use it.
VECTOR_FLAGS = ("-DCREDENCE_LIBMVEC", "-lmvec")
#: Seconds that one compilation may take, and that a dead one's leftovers are kept.
TIMEOUT, LEFTOVER = 300.0, 3600.0
#: Bytes of shared objects to keep; the least recently used go first.
CAPACITY = 2**27
_DIGEST = hashlib.sha256().digest_size
_LINES = 12
_MISSING = "There is no C++ compiler: install g++ or set CXX."


class ToolchainError(Exception):
    """Native code could not be built or loaded; the message says why."""


def default_cache() -> Path:
    """Return where shared objects are kept: `$CREDENCE_CACHE` or `~/.cache/credence/native`."""
    given = os.environ.get("CREDENCE_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "credence" / "native"


def find_compiler() -> str | None:
    """Return the path of a C++ compiler: `$CXX`, `g++` or `clang++`; `None` if there is none."""
    found = (shutil.which(name) for name in (os.environ.get("CXX"), "g++", "clang++") if name)
    return next((path for path in found if path), None)


@lru_cache
def cpu_identity() -> str:
    """Return a digest of the processor's model and features: what `-march=native` builds for."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        lines = []
    names = ("model name", "flags", "Features", "CPU part")
    known = [line for line in lines if line.startswith(names)]
    text = "\n".join(known or [platform.machine(), platform.processor()])
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache
def multiplies_pairs() -> bool:
    """Return whether this processor multiplies and adds pairs of numbers in bf16 at once."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return False
    flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    return {"avx512_bf16", "avx512bw"} <= flags


def build(
    source: str,
    *,
    name: str,
    includes: Sequence[Path],
    cache_dir: Path,
    timeout: float = TIMEOUT,
) -> Path:
    """Return a shared object of a C++ source, compiled now or found in the cache.

    Args:
        source: the text of one translation unit.
        name: begins the file's name, for people; letters, digits, dashes.
        includes: the headers that the source includes, directly or not.
        cache_dir: where shared objects are kept; made if it is not there.
        timeout: seconds that the compiler may take.

    Raises:
        ToolchainError: there is no compiler, it fails or takes too long, or the directory cannot
            be written to, or others can write to it.
    """
    compiler = find_compiler()
    if compiler is None:
        raise ToolchainError(_MISSING)
    try:
        return _build(compiler, source, name, includes, cache_dir, timeout)
    except OSError as error:
        raise ToolchainError(f"Compiled code cannot be kept in {cache_dir}: {error}") from error


def is_built(source: str, *, name: str, includes: Sequence[Path], cache_dir: Path) -> bool:
    """Return whether `build` of the same would find its work done.

    Raises:
        ToolchainError: there is no compiler, or others can write to the directory.
    """
    compiler = find_compiler()
    if compiler is None:
        raise ToolchainError(_MISSING)
    return _whole(_place(compiler, source, name, includes, _private(cache_dir)))


def load(library: Path) -> ctypes.CDLL:
    """Return a shared object that `build` made, loaded; calls release Python's lock.

    Raises:
        ToolchainError: the system refuses it.
    """
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise ToolchainError(f"A compiled library does not load: {error}") from error


def _build(
    compiler: str,
    source: str,
    name: str,
    includes: Sequence[Path],
    cache_dir: Path,
    timeout: float,
) -> Path:
    directory = _private(cache_dir)
    flags = _flags(compiler)
    library = _place(compiler, source, name, includes, directory)
    if _whole(library):
        os.utime(library)
        return library
    with _alone(directory, library.stem):
        if not _whole(library):
            folders = sorted({f"-I{path.parent}" for path in includes})
            _compile([compiler, *folders], source, flags, library, timeout)
            _evict(directory, library)
    return library


def _place(
    compiler: str, source: str, name: str, includes: Sequence[Path], directory: Path
) -> Path:
    """Return where the shared object of a source lies, or will."""
    parts = [source, *(path.read_text() for path in includes), *_flags(compiler)]
    digest = _digest_of([*parts, _version(compiler), cpu_identity()])
    return directory / f"{name}-{digest[:32]}.so"


def _digest_of(parts: Sequence[str]) -> str:
    """Join with lengths: no two lists of parts have the same text."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()


def _private(cache_dir: Path) -> Path:
    cache_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = cache_dir.resolve()
    status = directory.stat()
    if status.st_uid != os.getuid():
        raise ToolchainError(f"{directory} belongs to another user: native code is not kept there.")
    if status.st_mode & 0o022:
        raise ToolchainError(f"{directory} can be written to by others: set its mode to 0700.")
    return directory


@lru_cache
def _version(compiler: str) -> str:
    return _ask(compiler, "--version")


@lru_cache
def _flags(compiler: str) -> tuple[str, ...]:
    # The compiler answers with a path where it has the library, else with the bare name.
    vector = "/" in _ask(compiler, "-print-file-name=libmvec.so")
    return (*FLAGS, *VECTOR_FLAGS) if vector else FLAGS


def _ask(compiler: str, question: str) -> str:
    try:
        answer = subprocess.run(
            [compiler, question], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolchainError(f"The compiler {compiler} does not run: {error}") from error
    return answer.stdout.strip()


def _whole(library: Path) -> bool:
    """Return whether a file is there and ends in the digest of what comes before."""
    try:
        content = library.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:]


@contextlib.contextmanager
def _alone(directory: Path, name: str) -> Iterator[None]:
    """Let one process build while others wait: they find its work done."""
    lock = directory / f"{name}.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Whoever opens the name now builds beside one who waits: twice the work, no harm.
            lock.unlink(missing_ok=True)


def _compile(
    command: Sequence[str], source: str, flags: Sequence[str], library: Path, timeout: float
) -> None:
    """Build in a folder of its own, add the digest and put the file in place in one step."""
    with tempfile.TemporaryDirectory(dir=library.parent, prefix="build-") as folder:
        text, made = Path(folder, "source.cpp"), Path(folder, "made.so")
        text.write_text(source)
        nice = shutil.which("nice")
        before = [nice, "-n", "10"] if nice else []
        # The libraries among the flags come after what needs them.
        _run([*before, *command, str(text), *flags, "-o", str(made)], timeout)
        content = made.read_bytes()
        with made.open("ab") as handle:
            handle.write(hashlib.sha256(content).digest())
        made.chmod(0o700)
        made.replace(library)


def _run(command: Sequence[str], timeout: float) -> None:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        _, message = process.communicate(timeout=timeout)
    except BaseException as error:
        # The driver's children too, whatever ends the wait.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise ToolchainError(f"Compiling took more than {timeout:.0f} s.") from error
        raise
    if process.returncode:
        first = "\n".join(message.splitlines()[:_LINES])
        raise ToolchainError(f"The compiler failed:\n{first}")


def _evict(directory: Path, newest: Path) -> None:
    """Remove what dead compilations left, and the objects that are over the capacity."""
    now = time.time()
    for folder in directory.glob("build-*"):
        with contextlib.suppress(OSError):
            if now - folder.stat().st_mtime > LEFTOVER:
                shutil.rmtree(folder)
    kept = 0
    for _, size, library in sorted(_libraries(directory, now)):
        kept += size
        if kept > CAPACITY and library != newest:
            library.unlink(missing_ok=True)


def _libraries(directory: Path, now: float) -> Iterator[tuple[float, int, Path]]:
    for library in directory.glob("*.so"):
        with contextlib.suppress(OSError):
            status = library.stat()
            yield now - status.st_mtime, status.st_size, library
