"""Requests survive a flaky service, and nothing is done twice that must not be."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from services.client import ProblemError, UnreachableError
from services.client.attempts import RETRIES, asked_pause, pause
from services.client.steps import Call, Request
from services.client.transport import Transport
from tests.services.client.flaky import EVENTS, flaky

MODEL = {"language": "graph", "sites": []}


@pytest.mark.parametrize("moods", [["drop"], ["busy"], ["lose"], ["lose", "busy", "drop"]])
def test_a_submission_arrives_and_is_one_job(connect: Any, moods: list[str]) -> None:
    with flaky(*moods) as service, connect(service.url) as client:
        assert client.submit(MODEL) == {"id": "j0"}
    assert list(service.jobs.values()) == ["j0"]
    assert len(service.done) == 1 + moods.count("lose")


def test_two_submissions_are_two_jobs(connect: Any) -> None:
    with flaky("lose", "", "lose") as service, connect(service.url) as client:
        assert [client.submit(MODEL)["id"] for _ in range(2)] == ["j0", "j1"]


def test_a_deletion_whose_answer_was_lost_is_no_mistake(connect: Any) -> None:
    with flaky("lose") as service, connect(service.url) as client:
        client.delete("j")
        with pytest.raises(ProblemError, match="no such job"):
            client.delete("j")
    assert service.done == ["DELETE /v1/jobs/j"] * 3


def extend() -> Call[Any]:
    answer = yield Request("POST", "/v1/jobs/j/extend", body={"draws": 10})
    return answer.json()


def sent_once(url: str) -> Any:
    transport = Transport(url)
    try:
        return transport.carry(extend())
    finally:
        transport.close()


@pytest.mark.parametrize("mood", ["lose", "drop"])
def test_what_may_have_arrived_is_not_sent_again_where_that_matters(mood: str) -> None:
    with (
        flaky(mood) as service,
        pytest.raises(UnreachableError, match=r"\(the request may have been carried out\)"),
    ):
        sent_once(service.url)
    assert len(service.done) == (mood == "lose")


def test_what_was_answered_busy_is_not_sent_again_where_that_matters() -> None:
    with flaky("busy") as service, pytest.raises(ProblemError, match="busy"):
        sent_once(service.url)
    assert service.done == []


def test_what_never_left_is_sent_again() -> None:
    with flaky() as service:
        service.stop()
        timer = threading.Timer(0.15, service.start)
        timer.start()
        assert sent_once(service.url)["id"] == "j0"
        timer.join()
    assert service.done == ["POST /v1/jobs/j/extend"]


def test_a_stream_outlives_a_restart(connect: Any) -> None:
    with flaky("held") as service, connect(service.url) as client:

        def restart() -> None:
            time.sleep(0.2)
            service.stop()
            time.sleep(0.2)
            service.start()

        thread = threading.Thread(target=restart)
        thread.start()
        events = list(client.events("j0"))
        thread.join()
    assert [event.id for event in events] == [1, 2, 3, 4]
    assert [event.data for event in events] == EVENTS
    assert service.resumed == [None, "2"]


def test_a_stream_outlives_a_service_that_takes_its_leave(connect: Any) -> None:
    # The stream ends in order, and then nobody is there who could tell whether the job has ended.
    moods = ("bye", "drop", "drop")
    with flaky(*moods) as service, connect(service.url, retries=1) as client:
        events = list(client.events("j0"))
    assert [event.data for event in events] == EVENTS
    assert service.resumed == [None, None]


def test_waiting_outlives_a_service_that_leaves_with_its_last_word(connect: Any) -> None:
    with flaky("", "drop", "drop") as service, connect(service.url, retries=1) as client:
        assert client.wait("j0")["state"] == "succeeded"
    assert service.resumed == [None]


def test_without_retries_the_first_failure_is_the_last(connect: Any) -> None:
    with flaky("drop") as service, connect(service.url, retries=0) as client:
        with pytest.raises(UnreachableError):
            client.job("j")
        assert client.job("j")["id"] == "j0"
        service.moods.append("drop")
        with pytest.raises(UnreachableError):
            list(client.events("j"))


def test_retries_have_an_end(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.client.attempts.pause", lambda attempt: 0.0)
    with flaky(*["drop"] * 10) as service, connect(service.url, retries=2) as client:
        with pytest.raises(UnreachableError):
            client.job("j")
        assert len(service.moods) == 7


def test_pauses_grow_to_five_seconds() -> None:
    assert 0.07 < pause(1) < 0.13
    assert 3.7 < pause(30) < 6.3
    assert sum(pause(k) for k in range(1, RETRIES + 1)) < 3.0


def test_a_service_may_ask_for_a_pause_within_reason() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=10)
    assert asked_pause("7", 1) == 7.0
    assert asked_pause("3600", 1) == 30.0
    assert 8.0 < asked_pause(format_datetime(soon, usegmt=True), 1) <= 10.0
    assert asked_pause("Thu, 01 Jan 1970 00:00:00 GMT", 1) == 0.0
    assert asked_pause("soon", 1) < 0.13
    assert asked_pause("", 1) < 0.13
