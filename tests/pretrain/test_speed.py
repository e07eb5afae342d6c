"""Operations counted by hand, the watch with a clock of our own, and a ceiling that is one."""

import pytest
from transformers import LlamaForCausalLM

from rung.pretrain import speed
from rung.pretrain.model import shape
from rung.pretrain.speed import Pace, flops_per_token, matmul_ceiling


def test_flops_of_a_token_by_hand():
    model = LlamaForCausalLM(shape("0.5M", 100, 64, 0, 1))
    depth, width, inner = 3, 64, 192
    blocks = depth * (4 * width**2 + 3 * width * inner) + (2 * depth + 1) * width
    attention = 12 * depth * width * (32 + 1) / 2  # 4 L d forward, for the mean of 1 .. 32 tokens before
    assert flops_per_token(model, 32) == pytest.approx(6 * blocks + 6 * 100 * width + attention)


def test_the_first_step_is_not_counted(monkeypatch):
    clock = iter([100.0, 104.0, 110.0])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    pace = Pace(ceiling=1000.0)
    pace.step(8, 1e9)  # at 100 s: it has compiled for a minute
    pace.step(8, 400.0)
    pace.step(8, 400.0)
    assert pace.read() == {"tokens_per_second": 4.0, "share": 0.2}  # 16 tokens and 800 operations in 4 s
    pace.step(12, 600.0)
    assert pace.read() == {"tokens_per_second": 2.0, "share": 0.1}


def test_one_step_alone_has_no_speed():
    pace = Pace(1.0)
    pace.step(8, 1.0)
    assert pace.read() == {}


def test_the_ceiling_is_the_fastest_product(monkeypatch):
    clock = iter([0.0, 0.0, 4.0, 4.0, 6.0, 6.0])  # two products, of 4 and of 2 seconds
    monkeypatch.setitem(speed.SIDES, "cpu", 8)
    assert matmul_ceiling("cpu", "float32", seconds=5.0, clock=lambda: next(clock)) == 2 * 8**3 / 2.0
