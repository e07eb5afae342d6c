"""The engine's thread outlives who asked."""

import threading

from rung.engine import fake_model
from rung.programs.together import Together
from rung.serve.worker import Worker


def test_an_order_whose_asker_has_left_is_not_carried_out_and_ends_nothing() -> None:
    worker = Worker(Together(fake_model()))
    done, hold = [], threading.Event()
    worker.start()
    first = worker.order(hold.wait)  # keeps the thread busy meanwhile
    left = worker.order(lambda: done.append("left"))
    assert left.cancel()
    hold.set()
    assert first.result(10) is True
    assert worker.order(lambda: 5).result(10) == 5
    assert worker.running and done == []
    worker.stop()
