"""A thread that does one work of a book again and again: signs it, or asks its witnesses. Every `seconds`, and at
once when a caller waits for the outcome.

All who wait share a run: a run that begins after a caller's commit covers that commit. An error ends
no thread; it is kept for `/readyz` and for those who wait, and the next run tries again.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Outcome = TypeVar("Outcome")


class CheckpointLate(Exception):
    """No run that covers the caller has ended in time."""


class Keeper(Generic[Outcome]):
    """Runs `run` in a thread of its own, called `name`."""

    def __init__(self, name: str, run: Callable[[], Outcome], seconds: float) -> None:
        self._name = name
        self._run = run
        self._seconds = seconds
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        # Runs are counted: `begun` and `ended` by the thread, `asked` is the newest run somebody waits for.
        self._asked = 0
        self._begun = 0
        self._ended = 0
        self._good = 0
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None

    @property
    def error(self) -> BaseException | None:
        """Why the last run failed; None when it did not."""
        return self._error

    @property
    def outcome(self) -> Outcome | None:
        """What the last run that did not fail came to; None before the first."""
        return self._outcome

    def start(self) -> None:
        """Starts the thread, or another one where the last has died."""
        with self._changed:
            self._revive()

    def stop(self, timeout: float = 10) -> None:
        """Lets a run that has begun come to its end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def poke(self) -> None:
        """Asks for a run that begins from now on, without waiting for it."""
        with self._changed:
            self._revive()
            self._asked = max(self._asked, self._begun + 1)
            self._changed.notify_all()

    def wait(self, timeout: float = 30) -> Outcome:
        """The outcome of a run that begins from now on.

        Raises what the run raised, or CheckpointLate.
        """
        with self._changed:
            self._revive()
            mine = self._begun + 1
            self._asked = max(self._asked, mine)
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._ended >= mine, timeout):
                raise CheckpointLate
            if self._outcome is not None and self._good >= mine:
                return self._outcome
            raise self._error if isinstance(self._error, Exception) else CheckpointLate()

    def _revive(self) -> None:
        if self._stopping or (self._thread is not None and self._thread.is_alive()):
            return
        # A thread that died within a run has left it open: whoever waits for it is served by the next.
        self._begun = self._ended
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._asked > self._begun, due - time.monotonic())
                if self._stopping:
                    return
                self._begun += 1
            due = time.monotonic() + self._seconds
            outcome: Outcome | None = None
            error: BaseException | None = None
            try:
                outcome = self._run()
            except BaseException as failed:  # whatever it was: without this thread nothing goes on
                error = failed
            with self._changed:
                self._ended, self._error = self._begun, error
                if outcome is not None:
                    self._good, self._outcome = self._begun, outcome
                self._changed.notify_all()
