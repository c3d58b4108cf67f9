"""The queue and its batches: whole requests, in order, one release a batch, and an end that answers what waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from steadily.serving.batches import Batches, Done, QueueFullError
from steadily.serving.scoring import ANSWERED, Answer

WAITING = 30


class Scorer:
    """A release that answers each row with itself, once it is let; it keeps the batches that it was given."""

    def __init__(self, number: int = 1, *, held: bool = False) -> None:
        self.number = number
        self.batches: list[list[Any]] = []
        self.begun, self.let = threading.Event(), threading.Event()
        if not held:
            self.let.set()

    def answer(self, rows: Sequence[Any]) -> list[Answer]:
        self.batches.append(list(rows))
        self.begun.set()
        assert self.let.wait(WAITING)
        for row in rows:
            if isinstance(row, BaseException):
                raise row
        return [Answer(ANSWERED, (self.number, row)) for row in rows]


def predictions(done: Done) -> list[Any]:
    assert done.failure is None
    return [answer.prediction[1] for answer in done.answers]


async def begun(scorer: Scorer) -> None:
    assert await asyncio.to_thread(scorer.begun.wait, WAITING)


def test_what_queued_meanwhile_goes_together_in_order_and_whole() -> None:
    async def main() -> None:
        batches, scorer = Batches(most_rows=5), Scorer(held=True)
        first = batches.submit(scorer, ["a"])  # type: ignore[arg-type]
        await begun(scorer)
        jobs = [batches.submit(scorer, rows) for rows in (["b", "c"], ["d"], ["e", "f", "g"], list("hijklmn"), ["o"])]  # type: ignore[arg-type]
        assert batches.queued == 14
        scorer.let.set()
        done = await asyncio.gather(first.future, *(job.future for job in jobs))
        assert [predictions(one) for one in done] == [["a"], ["b", "c"], ["d"], ["e", "f", "g"], list("hijklmn"), ["o"]]
        assert scorer.batches == [["a"], ["b", "c", "d"], ["e", "f", "g"], list("hijklmn"), ["o"]]
        assert batches.queued == 0
        batches.close()

    asyncio.run(main())


def test_a_batch_is_answered_by_one_release_and_each_request_by_its_own() -> None:
    async def main() -> None:
        batches, old, new = Batches(), Scorer(1, held=True), Scorer(2)
        first = batches.submit(old, [0])  # type: ignore[arg-type]
        await begun(old)
        jobs = [batches.submit(release, [place]) for place, release in enumerate([old, old, new, new, old])]  # type: ignore[arg-type]
        old.let.set()
        done = await asyncio.gather(first.future, *(job.future for job in jobs))
        assert [one.release.number for one in done] == [1, 1, 1, 2, 2, 1]
        assert [one.answers[0].prediction[0] for one in done] == [1, 1, 1, 2, 2, 1]
        assert (old.batches, new.batches) == ([[0], [0, 1], [4]], [[2, 3]])
        batches.close()

    asyncio.run(main())


def test_what_is_too_much_is_shed_and_one_large_request_is_not() -> None:
    async def main() -> None:
        batches, scorer = Batches(most_queued=3), Scorer(held=True)
        first = batches.submit(scorer, list(range(9)))  # type: ignore[arg-type]
        await begun(scorer)
        second = batches.submit(scorer, [1, 2])  # type: ignore[arg-type]
        with pytest.raises(QueueFullError):
            batches.submit(scorer, [3, 4])  # type: ignore[arg-type]
        third = batches.submit(scorer, [5])  # type: ignore[arg-type]
        scorer.let.set()
        done = await asyncio.gather(first.future, second.future, third.future)
        assert [predictions(one) for one in done] == [list(range(9)), [1, 2], [5]]
        batches.close()

    asyncio.run(main())


def test_what_nobody_waits_for_is_not_answered() -> None:
    async def main() -> None:
        batches, scorer = Batches(), Scorer(held=True)
        first = batches.submit(scorer, ["a"])  # type: ignore[arg-type]
        await begun(scorer)
        given_up, cancelled, last = (batches.submit(scorer, [row]) for row in "bcd")  # type: ignore[arg-type]
        given_up.given_up = True
        cancelled.future.cancel()
        assert batches.stuck_for() > 0
        scorer.let.set()
        await asyncio.gather(first.future, last.future)
        assert scorer.batches == [["a"], ["c", "d"]]
        assert not given_up.future.done()
        batches.close()
        assert batches.stuck_for() == 0
        assert batches.queued == 0

    asyncio.run(main())


@pytest.mark.parametrize("failure", [ValueError("bad"), SystemExit(3), RecursionError()])
def test_a_release_that_raises_fails_the_request_that_makes_it_and_no_other(failure: BaseException) -> None:
    async def main() -> None:
        batches, scorer = Batches(), Scorer(held=True)
        first = batches.submit(scorer, ["a"])  # type: ignore[arg-type]
        await begun(scorer)
        jobs = [batches.submit(scorer, rows) for rows in (["b"], ["c", failure], ["d"])]  # type: ignore[arg-type]
        scorer.let.set()
        done = await asyncio.gather(first.future, *(job.future for job in jobs))
        assert [one.failure for one in done] == [None, None, failure, None]
        assert predictions(done[3]) == ["d"]
        assert done[2].answers == []
        after = batches.submit(scorer, ["e"])  # type: ignore[arg-type]
        assert predictions(await after.future) == ["e"]
        batches.close()

    asyncio.run(main())


def test_the_end_answers_what_waits_and_takes_no_more() -> None:
    async def main() -> None:
        batches, scorer = Batches(most_rows=1), Scorer(held=True)
        jobs = [batches.submit(scorer, [row]) for row in "abcd"]  # type: ignore[arg-type]
        await begun(scorer)
        closing = asyncio.create_task(asyncio.to_thread(batches.close))
        while not batches.closed:
            await asyncio.sleep(0.01)
        with pytest.raises(QueueFullError):
            batches.submit(scorer, ["e"])  # type: ignore[arg-type]
        scorer.let.set()
        await closing
        done = await asyncio.gather(*(job.future for job in jobs))
        assert [predictions(one) for one in done] == [["a"], ["b"], ["c"], ["d"]]
        assert not batches.thread.is_alive()

    asyncio.run(main())


def test_a_loop_that_is_gone_harms_nothing() -> None:
    batches, scorer = Batches(), Scorer(held=True)

    async def leave() -> None:
        batches.submit(scorer, ["a"])  # type: ignore[arg-type]
        await begun(scorer)

    asyncio.run(leave())
    scorer.let.set()

    async def main() -> None:
        assert predictions(await batches.submit(scorer, ["b"]).future) == ["b"]  # type: ignore[arg-type]

    asyncio.run(main())
    batches.close()
