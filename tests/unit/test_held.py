"""A held process answers in order, hands large bytes over whole, and its death is the refusal of one question."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from radloop.errors import ConfigurationError, RadloopError, StudyRejected
from radloop.fuzzing.films import Kind
from radloop.held import DEPTH, KEPT, Held, Unforeseen
from radloop.serving.body import TooLarge


def answer(question: object) -> object:
    """What the process of these tests does to its questions."""
    if isinstance(question, Exception):
        raise question
    if question == "sleep":
        time.sleep(60)
    if question == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return question


@pytest.fixture
def held() -> Iterator[Held[object, object]]:
    process = Held(answer)
    yield process
    process.close()


def test_bytes_of_any_size_come_back_as_they_went(held: Held[object, object]) -> None:
    for size in (0, 1, 65_535, 65_536, 10_000_000, KEPT + 5, 70_000):
        content = os.urandom(min(size, 1000)) * (size // 1000 + 1)
        held.ask((content[:size], "beside", Kind("kind", content[:size], "")))
        assert held.take() == (content[:size], "beside", Kind("kind", content[:size], ""))


def test_several_questions_under_way_are_answered_in_their_order(held: Held[object, object]) -> None:
    sent = [bytes([number]) * 100_000 for number in range(3 * DEPTH)]
    got: list[object] = []
    waiting = list(sent)
    while len(got) < len(sent):
        while waiting and held.free:
            held.ask(waiting.pop(0))
        got.append(held.take())
    assert got == sent and held.idle


def test_a_death_refuses_one_question_and_those_behind_it_are_answered(held: Held[object, object]) -> None:
    for question in ("one", "die", b"x" * 100_000, "four"):
        held.ask(question)
    assert held.take() == "one"
    with pytest.raises(StudyRejected, match="ended with code -9") as refused:
        held.take()
    assert refused.value.reason == "reader_died"
    assert [held.take(), held.take()] == [b"x" * 100_000, "four"]


def test_a_process_that_hangs_is_ended_and_its_question_refused(held: Held[object, object]) -> None:
    held.greet()
    held.ask("sleep")
    began = time.monotonic()
    with pytest.raises(StudyRejected) as refused:
        held.take(seconds=0.3)
    assert refused.value.reason == "too_slow" and time.monotonic() - began < 10
    held.ask("next")
    assert held.take() == "next"


@pytest.mark.parametrize(
    "error", [StudyRejected("why", "what.", "how"), ConfigurationError("what.", "how"), TooLarge(2**20)]
)
def test_our_own_errors_cross_whole(held: Held[object, object], error: RadloopError) -> None:
    held.ask(error)
    with pytest.raises(type(error)) as crossed:
        held.take()
    assert (str(crossed.value), crossed.value.__dict__) == (str(error), error.__dict__)


def test_a_bug_crosses_as_its_kind_and_place_without_its_words(held: Held[object, object]) -> None:
    held.ask(KeyError("Zweistein^Adalbert"))
    with pytest.raises(Unforeseen, match=r"KeyError in answer:\d+") as crossed:
        held.take()
    assert "Zweistein" not in str(crossed.value)
