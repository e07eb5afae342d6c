"""Forgetting on the ladder: measured once for each trained rung, in the result, and a guard that bars what forgets too much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung.evaluate import Forgetting, General, GeneralReader, Rise
from rung.ladder import default_folder
from rung.ladder.verdict import barred
from rung.ledger import Ledger
from rung.types import DataError

PLAN = "tfidf,zero-shot,lora"


def forgotten(en: float, zh: float) -> Forgetting:
    return Forgetting({"en": Rise(en, en, en, en, 0.0, 4.0, 2, 9), "zh": Rise(zh, zh, zh, zh, 0.0, 5.0, 2, 9)})


def climb(orders: SimpleNamespace, folder: Path, **options: Any) -> dict[str, Any]:
    return orders.climb(folder, PLAN, task=orders.task(train=16, dev=24, test=8, target=0.05), all=True, **options)


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory, orders: SimpleNamespace) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("climbed")
    return folder, climb(orders, folder)


def test_trained_rungs_say_what_they_have_forgotten(climbed: tuple[Path, dict[str, Any]], orders: Any) -> None:
    found = {row["name"]: row["forgetting"] for row in climbed[1]["rungs"]}
    assert found["tfidf"] is None and found["zero-shot"] is None
    assert set(found["lora"]) == {"en", "zh"}
    for own in found["lora"].values():
        assert set(own) == {"nats", "low", "high", "per_byte", "detached", "base", "n", "tokens"}
        assert own["nats"] != 0.0 and own["detached"] == 0.0
        assert own["low"] <= own["nats"] <= own["high"]
        assert own["n"] == 2
    assert climbed[1]["max_forgetting"] is None


def test_it_is_measured_once_for_the_best_candidate(
    climbed: tuple[Path, dict[str, Any]], orders: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result = climbed
    ledger = Ledger(folder / "ledger.sqlite")
    kinds = [k for (k,) in ledger.db.execute("SELECT kind FROM events WHERE kind LIKE 'forgetting%'")]
    ledger.close()
    best = next(row["best"] for row in result["rungs"] if row["name"] == "lora")
    (hash,) = {c["hash"] for c in result["candidates"] if c["name"] == best}
    assert [k.split()[1] for k in kinds] == [hash]
    monkeypatch.setattr(GeneralReader, "forgetting", lambda *_: pytest.fail("measured again"))
    (folder / "result.json").unlink()  # as if the climb had been killed before its end
    assert climb(orders, folder)["rungs"][2]["forgetting"] == result["rungs"][2]["forgetting"]


@pytest.mark.parametrize("most", [0.1, 0.3])
def test_the_guard(orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: float) -> None:
    """Only LoRA can be asked for: with the tighter guard nothing is left to choose."""
    monkeypatch.setattr(GeneralReader, "forgetting", lambda *_: forgotten(0.05, 0.2))
    general = replace(orders.general, most=most)
    task = orders.task(train=16, dev=24, test=8, target=0.05)
    result = orders.climb(tmp_path, "lora,qlora", task=task, general=general)
    lora = result["rungs"][0]
    assert lora["status"] == "proven"  # the verdict is on the score alone
    if most == 0.3:
        assert lora["reason"] is None and result["chosen"]["rung"] == "lora"
        assert result["rungs"][1]["status"] == "not-reached"
    else:
        assert (
            "zh general text costs 0.200 nats per token more than before, above --max-forgetting 0.1"
            in lora["reason"]["en"]
        )
        assert "中文" in lora["reason"]["zh"] and "0.200" in lora["reason"]["zh"]
        assert result["rungs"][1]["status"] == "proven"  # the climb went on past a rung that cannot be chosen
        assert result["chosen"] is None and result["test"] is None and result["complete"]


def test_a_barred_rung_leaves_the_choice_to_the_others(
    orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GeneralReader, "forgetting", lambda *_: forgotten(0.2, 0.05))
    result = climb(orders, tmp_path, general=replace(orders.general, most=0.1))
    assert result["rungs"][2]["reason"]["en"].startswith("it cannot be chosen: en general text")
    assert result["chosen"]["rung"] in ("tfidf", "zero-shot")
    assert "within --max-forgetting" in result["chosen"]["why"]["en"] and "遗忘" in result["chosen"]["why"]["zh"]


def test_the_worse_language_decides_and_the_limit_itself_is_allowed() -> None:
    assert barred(forgotten(0.1, -0.3), 0.1) is None
    assert barred(forgotten(0.1001, -0.3), 0.1) is not None
    assert barred(forgotten(9.0, 9.0), None) is None
    assert barred(None, 0.0) is None


def test_other_texts_or_another_guard_are_another_climb(
    climbed: tuple[Path, dict[str, Any]], orders: SimpleNamespace
) -> None:
    for general in (General({"en": ("Another text.",)}), replace(orders.general, most=0.5)):
        with pytest.raises(DataError, match="holds another climb"):
            climb(orders, climbed[0], general=general)
    task, model = orders.task(), orders.able()
    plain = default_folder(task, model, [], 0, False)
    assert plain != default_folder(task, model, [], 0, False, general=orders.general)
    assert plain == default_folder(task, model, [], 0, False, general=None)


def test_general_text_is_mixed_into_every_training(orders: SimpleNamespace, tmp_path: Path) -> None:
    general = replace(orders.general, mixed=("A rose is a rose. " * 40,), share=0.3)
    found = {share: orders.climb(
        tmp_path / str(share), "lora", task=orders.task(train=16, dev=24, test=8), general=replace(general, share=share)
    ) for share in (0.0, 0.3)}  # fmt: skip
    plain, mixed = (r["rungs"][0]["cost"]["build_flops"] for r in found.values())
    assert mixed > 1.1 * plain
    assert found[0.0]["candidates"][0]["hash"] != found[0.3]["candidates"][0]["hash"]
