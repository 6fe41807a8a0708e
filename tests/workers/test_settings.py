"""Settings come from arguments, then from the environment, then from defaults."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from workers.jobs import LONGEST_LEASE
from workers.settings import Settings, complaint


def test_defaults_lie_in_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/credence.db"
    assert settings.artifacts_url == f"file://{tmp_path}/artifacts"
    assert settings.cluster == "local"
    assert settings.workers is None, "a cluster that others started says how many"
    assert settings.own_workers >= 1


def test_the_environment_is_read_and_arguments_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENCE_WORKERS", "3")
    monkeypatch.setenv("CREDENCE_DATABASE", "postgresql://db/credence")
    assert Settings().workers == 3
    assert Settings().database_url == "postgresql://db/credence"
    assert Settings(workers=5).workers == 5


def test_a_variable_set_to_nothing_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENCE_CPUS", "")
    monkeypatch.setenv("CREDENCE_CLUSTER", "")
    assert Settings().cpus is None
    assert Settings().cluster == "local"


@pytest.mark.parametrize("cluster", ["local", "inprocess", "head:6379", "10.0.0.1:1", "[::1]:6379"])
def test_a_cluster_is_ours_or_has_an_address(cluster: str) -> None:
    assert Settings(cluster=cluster).cluster == cluster


@pytest.mark.parametrize("cluster", ["auto", "head", "ray://head:10001", "head:", ":6379", " "])
def test_no_other_word_names_a_cluster(cluster: str) -> None:
    # Ray would look around for a cluster, or start one.
    with pytest.raises(ValidationError) as caught:
        Settings(cluster=cluster)
    assert complaint(caught.value).startswith("cluster: ")
    assert "HOST:PORT" in complaint(caught.value)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(workers=0)


def test_the_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    home = Settings(home=tmp_path / "deep" / "home").make_home()
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_lease_has_a_longest() -> None:
    # A lease that ends later than any may was given before the clock went back.
    assert Settings(lease_seconds=LONGEST_LEASE).lease_seconds == LONGEST_LEASE
    with pytest.raises(ValidationError):
        Settings(lease_seconds=LONGEST_LEASE + 1)
