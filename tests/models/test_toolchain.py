"""Compiled code: built once, kept privately, never trusted when damaged."""

import ctypes
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models import toolchain
from models.toolchain import ToolchainError, build, cpu_identity, default_cache, find_compiler, load

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
SOURCE = '#include "answer.h"\nextern "C" int answer() { return ANSWER; }\n'


@pytest.fixture
def header(tmp_path: Path) -> Path:
    path = tmp_path / "headers" / "answer.h"
    path.parent.mkdir()
    path.write_text("#define ANSWER 42\n")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / "cache"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The libraries that were compiled, not found."""
    made, compile_ = [], toolchain._compile

    def noted(command, source, flags, library, timeout) -> None:
        made.append(library)
        compile_(command, source, flags, library, timeout)

    monkeypatch.setattr(toolchain, "_compile", noted)
    return made


def made(header: Path, cache: Path, source: str = SOURCE, **options) -> Path:
    return build(source, name="test", includes=[header], cache_dir=cache, **options)


def test_a_source_is_built_once(header, cache, builds) -> None:
    library = made(header, cache)
    assert load(library).answer() == 42
    assert made(header, cache) == library
    assert builds == [library]
    assert cache.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in cache.iterdir()] == [library.name]


def test_it_knows_what_is_built(header, cache) -> None:
    asked = {"name": "test", "includes": [header], "cache_dir": cache}
    assert not toolchain.is_built(SOURCE, **asked)
    library = made(header, cache)
    assert toolchain.is_built(SOURCE, **asked)
    library.write_bytes(library.read_bytes()[:-1])
    assert not toolchain.is_built(SOURCE, **asked)


def test_all_that_makes_it_is_in_its_name(header, cache, monkeypatch) -> None:
    names = {made(header, cache)}
    names.add(made(header, cache, SOURCE + "// other\n"))
    header.write_text("#define ANSWER 43\n")
    names.add(made(header, cache))
    monkeypatch.setattr(toolchain, "cpu_identity", lambda: "another processor")
    names.add(made(header, cache))
    monkeypatch.setattr(toolchain, "_version", lambda compiler: "another compiler")
    names.add(made(header, cache))
    monkeypatch.setattr(toolchain, "_flags", lambda compiler: (*toolchain.FLAGS, "-O1"))
    names.add(made(header, cache))
    assert len(names) == 6


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b + b"x"])
def test_a_damaged_library_is_built_again(header, cache, builds, damage) -> None:
    library = made(header, cache)
    library.write_bytes(damage(library.read_bytes()))
    assert made(header, cache) == library
    assert len(builds) == 2
    assert load(library).answer() == 42


def test_infinity_and_nan_mean_what_they_mean(cache) -> None:
    source = """
        #include <cmath>
        extern "C" int sound(double x) {
          return std::isnan(x - x) && std::isinf(x) && !(x * 0 == 0);
        }
    """
    library = load(build(source, name="test", includes=[], cache_dir=cache))
    library.sound.argtypes = [ctypes.c_double]
    assert library.sound(float("inf")) == 1


def test_the_compilers_complaint_is_passed_on(header, cache) -> None:
    with pytest.raises(ToolchainError, match="nonsense"):
        made(header, cache, "nonsense;" * 100)
    assert list(cache.iterdir()) == []


def test_a_compilation_has_an_end(header, cache) -> None:
    with pytest.raises(ToolchainError, match="more than 0 s"):
        made(header, cache, timeout=0.001)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_write_to_is_refused(header, cache, mode) -> None:
    cache.mkdir(parents=True)
    cache.chmod(mode)
    with pytest.raises(ToolchainError, match="written to by others"):
        made(header, cache)


def test_a_directory_of_someone_else_is_refused(header, cache, monkeypatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ToolchainError, match="another user"):
        made(header, cache)


def test_a_place_that_is_no_directory_is_refused(header, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolchainError, match="cannot be kept"):
        made(header, tmp_path / "file" / "cache")


def test_without_a_compiler_it_says_so(header, cache, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    assert find_compiler() is None
    with pytest.raises(ToolchainError, match="no C\\+\\+ compiler"):
        made(header, cache)


def test_the_environment_names_the_compiler(monkeypatch, tmp_path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\nexit 1\n")
    mine.chmod(0o700)
    monkeypatch.setenv("CXX", str(mine))
    assert find_compiler() == str(mine)
    with pytest.raises(ToolchainError, match="does not run"):
        build("", name="test", includes=[], cache_dir=tmp_path / "cache")
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert find_compiler() != str(mine)


def test_the_cache_is_found_through_the_environment(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("CREDENCE_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("CREDENCE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "credence" / "native"


def test_the_processor_has_a_name() -> None:
    assert len(cpu_identity()) == 64


def test_the_least_recently_used_go_first(header, cache, monkeypatch) -> None:
    first, second = made(header, cache), made(header, cache, SOURCE + "// 2\n")
    for library, when in ((first, 2_000_000_000), (second, 1_000_000_000)):
        os.utime(library, (when, when))
    monkeypatch.setattr(toolchain, "CAPACITY", int(first.stat().st_size * 2.5))
    third = made(header, cache, SOURCE + "// 3\n")
    assert sorted(cache.glob("*.so")) == sorted([first, third])
    monkeypatch.setattr(toolchain, "CAPACITY", 0)
    fourth = made(header, cache, SOURCE + "// 4\n")
    assert list(cache.glob("*.so")) == [fourth]


def test_what_dead_compilations_left_is_cleared(header, cache) -> None:
    for name, when in (("build-dead", 0), ("build-alive", None)):
        (cache / name).mkdir(parents=True)
        if when is not None:
            os.utime(cache / name, (when, when))
    cache.chmod(0o700)
    made(header, cache)
    assert not (cache / "build-dead").exists()
    assert (cache / "build-alive").exists()


def test_threads_build_once(header, cache, builds) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: made(header, cache), range(4)))
    assert len(found) == 1
    assert len(builds) == 1


def test_processes_share_a_cache(header, cache) -> None:
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from models.toolchain import build, load
        library = build({SOURCE!r}, name="test", includes=[Path({str(header)!r})],
                        cache_dir=Path({str(cache)!r}))
        raise SystemExit(load(library).answer() - 42)
        """
    )
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(list(cache.iterdir())) == 1
