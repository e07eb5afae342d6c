"""The engine's thread: the only one that touches the model. Requests come in as visits, everything else as orders."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from rung.programs.together import Together
from rung.serve.asked import Failed
from rung.serve.visit import Visit

log = logging.getLogger("rung.serve")


class Worker:
    """Steps the batch of ``many`` as long as somebody waits, and sleeps otherwise.

    At most one order is done between two steps, so that those who wait for a text get their next token whatever else is asked.
    """

    def __init__(self, many: Together):
        self.many = many
        self.steps = 0
        self.visits: dict[Visit, None] = {}
        # What is to be done, and whether it may take long; None: the end.
        self._orders: queue.SimpleQueue[tuple[Callable[[], None], bool] | None] = queue.SimpleQueue()
        self._leaving: dict[str, Future[None]] = {}
        self._thread = threading.Thread(target=self._loop, name="rung-engine", daemon=True)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Gives up all that is not answered, and ends the thread."""
        if self.running:
            self._orders.put(None)
            self._thread.join()
        else:
            self.many.close()

    def visit(self, visit: Visit) -> None:
        """Lets a request in; from any thread."""

        def enter() -> None:
            self.visits[visit] = None
            visit.begin(self.many)

        self._orders.put((enter, False))

    def order(self, work: Callable[[], Any]) -> Future[Any]:
        """Has ``work`` done between two steps; from any thread."""
        done: Future[Any] = Future()

        def act() -> None:
            if not done.set_running_or_notify_cancel():  # who asked has left
                return
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        self._orders.put((act, True))
        return done

    def remove(self, name: str) -> Future[None]:
        """Takes an adaptation away as soon as nobody visits it; nobody may be let in to it any more."""
        gone: Future[None] = Future()
        gone.set_running_or_notify_cancel()  # it is done whether or not somebody waits
        self._orders.put((lambda: self._leaving.update({name: gone}), False))
        return gone

    def _loop(self) -> None:
        busy = False
        while True:
            with suppress(queue.Empty):
                long = False
                while not long:
                    order = self._orders.get(block=not busy)
                    if order is None:
                        self._end()
                        return
                    work, long = order
                    work()
                    busy = True
            try:
                busy = self.many.batch.step()
                self.steps += 1
            except Exception as error:  # a mistake of ours: nobody shall wait for ever
                log.exception("a step failed")
                for visit in self.visits:
                    visit.fail(error)
            self._tidy()

    def _tidy(self) -> None:
        for visit in [v for v in self.visits if v.done or v.cancelled]:
            del self.visits[visit]
        if self._leaving:
            there = Counter(visit.asked.model for visit in self.visits)
            for name in [name for name in self._leaving if not there[name]]:
                try:
                    self.many.remove(name)
                    self._leaving.pop(name).set_result(None)
                except Exception as error:
                    self._leaving.pop(name).set_exception(error)

    def _end(self) -> None:
        for visit in self.visits:
            if not visit.done:
                visit.send(Failed(ConnectionAbortedError("the server is going down")))
        self.many.close()
