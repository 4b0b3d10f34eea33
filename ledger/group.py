"""Group commit: callers that come at the same time share one transaction.

The first caller to find the writer free writes for everybody who waits; the others find their answer
when their turn comes. No thread of its own, no timer: alone, a caller writes at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

MOST_CALLERS = 1000


class GroupCommit(Generic[Job, Result]):
    """`write` is given the waiting jobs and returns one result for each; if it raises, all of them hear it."""

    def __init__(self, write: Callable[[Sequence[Job]], Sequence[Result]]) -> None:
        self._write = write
        self._waiting: deque[tuple[Job, Future[Result]]] = deque()
        self._writer = threading.Lock()

    def submit(self, job: Job) -> Result:
        """Hands in a job and returns its result once it is committed."""
        answer: Future[Result] = Future()
        self._waiting.append((job, answer))
        with self._writer:
            # More may wait than one transaction takes: the turn is kept until our own job is among them.
            while not answer.done():
                self._write_waiting()
        return answer.result()

    def _write_waiting(self) -> None:
        # Only the holder of the lock takes jobs out, and takes them in order.
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_CALLERS))]
        try:
            results = self._write([job for job, _ in batch])
        except BaseException as error:
            for _, answer in batch:
                answer.set_exception(error)
            return
        for (_, answer), result in zip(batch, results, strict=True):
            answer.set_result(result)
