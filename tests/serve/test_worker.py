"""The engine's thread outlives who asked."""

import json
import threading

from rung.engine import fake_model
from rung.programs.together import BASE, Together
from rung.serve.asked import Asked, Event
from rung.serve.telling import event
from rung.serve.visit import Visit
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


def test_between_two_orders_everybody_elses_next_token_is_made() -> None:
    """Else many that ask for embeddings would keep all others from their texts."""
    worker = Worker(Together(fake_model()))
    steps: list[int] = []
    told: list[Event] = []
    hold = threading.Event()
    worker.start()
    worker.order(hold.wait)
    worker.visit(Visit(Asked(BASE, "red", max_tokens=40, temperature=0.0), told.append))
    orders = [worker.order(lambda: steps.append(worker.steps)) for _ in range(6)]
    hold.set()
    orders[-1].result(30)
    assert steps == sorted(set(steps))
    worker.stop()


def test_an_event_is_one_line_to_every_client() -> None:
    told = {"text": "一\x85二\u2028三\u2029四\x0b\x0c\x1c\r\n五"}
    line, *rest = event(told).decode().splitlines()
    assert rest == [""]
    assert json.loads(line.removeprefix("data: ")) == told
