"""A linear probe: multinomial logistic regression on the frozen model's hidden states.

    x̂ = (x - mean) / scale        p(label | x) = softmax(W x̂ + b)
    minimised over W and b:       (1/n) Σ -log p(label_i | x_i) + (l2/2) ‖W‖²

(of two labels with twice that penalty: scikit-learn's is on the one row W_1 - W_0, and ‖W_1 - W_0‖² = 2 ‖W‖²).
What it reaches says what the model already knows at that layer, in a form that a linear reader can use (Alain & Bengio
2016, arXiv 1610.01644). It says so only as long as the probe itself has not learned by heart: the control is the same
probe on shuffled labels, which must stay at chance on fresh data (Hewitt & Liang 2019, arXiv 1909.03368).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from rung.engine.hidden import Pool
from rung.folders import recover, replacing
from rung.types import AdaptationError

CONFIG, WEIGHTS = "probe.json", "probe.safetensors"
STRENGTHS = (1.0, 0.1, 0.01, 0.001)  # L2 strengths tried, the strongest first: each fit begins where the last one ended
FOLDS = 5  # of the cross-validation that chooses among them
SEARCHED = 2_000  # most examples that the choice looks at; the strength is per example, so it holds for all of them
UNSEEN = -1e9  # the bias of a label that training never showed

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A fitted probe: which state it reads, how it scales it, and the linear map to the labels' scores.

    mean, scale: [d] float32, of the training states; weight: [n_labels, d]; bias: [n_labels], float32.
    """

    layer: int  # 0: the embedding, i: behind layer i
    pool: Pool
    l2: float  # strength of the regularisation, per example
    mean: Floats
    scale: Floats
    weight: Floats
    bias: Floats

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return self.weight.size + self.bias.size

    def log_probabilities(self, states: Floats) -> NDArray[np.float64]:
        """Log-probabilities [n, n_labels] of the labels for states [n, d]."""
        scaled = (states.astype(np.float64) - self.mean) / self.scale
        scores = scaled @ self.weight.T.astype(np.float64) + self.bias
        return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)

    def save(self, folder: Path) -> None:
        """Write the probe as JSON and safetensors, whole or not at all."""
        config = {"layer": self.layer, "pool": self.pool, "l2": self.l2}
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in TENSORS}
        with replacing(folder) as fresh:
            (fresh / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            save_file(tensors, fresh / WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> LinearProbe:
        """Read what :meth:`save` wrote; raises AdaptationError for files that are missing, broken or do not fit."""
        recover(folder)
        config, tensors = _config(folder / CONFIG), _tensors(folder / WEIGHTS)
        _check_shapes(tensors, folder / WEIGHTS)
        return cls(config["layer"], config["pool"], float(config["l2"]), **tensors)


TENSORS = tuple(field.name for field in fields(LinearProbe) if field.name not in ("layer", "pool", "l2"))


@dataclass(frozen=True)
class Fitted:
    """A probe, how its strength did in cross-validation, and what the fitting took."""

    probe: LinearProbe
    accuracy: float  # of the held-out folds
    loss: float  # nats per held-out example
    flops: float


def fit(
    states: Floats,
    labels: Ints,
    count: int,
    *,
    layer: int,
    pool: Pool,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
) -> Fitted:
    """A probe for ``count`` labels, fitted to states [n, d] float32 and their labels [n], each 0 to ``count`` - 1.

    The strength is chosen by accuracy in cross-validation over these examples alone, ties by log-likelihood; then the
    probe is fitted to all of them. ``seed`` draws the folds. Raises ValueError for fewer than two examples, or for
    states and labels that do not belong together.
    """
    if len(states) < 2 or len(states) != len(labels):
        raise ValueError(f"a probe needs at least two states, with a label each: {len(states)} and {len(labels)} given")
    strongest_first = sorted(strengths, reverse=True)
    figures, searched = _cross_validate(states, labels, count, strongest_first, seed)
    best = max(range(len(strongest_first)), key=lambda i: (figures[i][0], -figures[i][1]))
    mean, scale = _moments(states)
    ((weight, bias, flops),) = _solve((states - mean) / scale, labels, count, strongest_first[best : best + 1])
    probe = LinearProbe(layer, pool, strongest_first[best], mean, scale, weight, bias)
    return Fitted(probe, *figures[best], searched + flops)


def _cross_validate(
    states: Floats, labels: Ints, count: int, strengths: Sequence[float], seed: int
) -> tuple[list[tuple[float, float]], float]:
    """(accuracy, nats per example) of each strength on held-out folds, and the operations that it took."""
    chosen, folds = _folds(labels, seed)
    states, labels = states[chosen], labels[chosen]
    hits, losses, flops, seen = np.zeros(len(strengths)), np.zeros(len(strengths)), 0.0, 0
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        mean, scale = _moments(states[rest])
        known = held & np.isin(labels, labels[rest])  # an unseen label's -1e9 would drown every other loss
        seen += int(known.sum())
        for i, (weight, bias, spent) in enumerate(
            _solve((states[rest] - mean) / scale, labels[rest], count, strengths)
        ):
            probe = LinearProbe(0, "last", strengths[i], mean, scale, weight, bias)
            logs = probe.log_probabilities(states[known])
            hits[i] += (logs.argmax(1) == labels[known]).sum()
            losses[i] -= logs[np.arange(len(logs)), labels[known]].sum()
            flops += spent
    return [(float(h) / len(labels), float(loss) / max(1, seen)) for h, loss in zip(hits, losses, strict=True)], flops


def _folds(labels: Ints, seed: int) -> tuple[Ints, Ints]:
    """At most ``SEARCHED`` examples, and the fold of each; every label is spread over the folds as evenly as it goes."""
    chosen = np.random.default_rng(seed).permutation(len(labels))[:SEARCHED]
    chosen = chosen[np.argsort(labels[chosen], kind="stable")]
    return chosen, np.arange(len(chosen)) % min(FOLDS, len(chosen))


def _moments(states: Floats) -> tuple[Floats, Floats]:
    """Mean and scale [d]; a feature that only rounding moves is left as it is, not blown up."""
    wide = states.astype(np.float64)
    mean, deviation = wide.mean(0), wide.std(0)
    still = deviation <= 1e-5 * np.maximum(1.0, np.abs(mean))
    return mean.astype(np.float32), np.where(still, 1.0, deviation).astype(np.float32)


def _solve(scaled: Floats, labels: Ints, count: int, strengths: Sequence[float]) -> list[tuple[Floats, Floats, float]]:
    """Weight [count, d], bias [count] and operations for each strength, each fit begun where the last one ended."""
    n, d = scaled.shape
    shown = np.unique(labels)
    if len(shown) == 1:  # nothing to tell apart
        rows: list[tuple[NDArray, NDArray, float]] = [(np.zeros((1, d)), np.zeros(1), 0.0) for _ in strengths]
    else:
        rows, model, wide = [], LogisticRegression(max_iter=2000, warm_start=True), scaled.astype(np.float64)
        for l2 in strengths:
            with warnings.catch_warnings():  # many labels are no regression
                warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
                model.set_params(C=1 / (l2 * n)).fit(wide, labels)
            weight, bias = model.coef_.copy(), model.intercept_.copy()
            if len(shown) == 2:  # scikit-learn keeps one row for two classes
                weight, bias = np.vstack([-weight, weight]) / 2, np.array([-bias[0], bias[0]]) / 2
            rows.append((weight, bias, 4.0 * n * d * len(shown) * int(np.max(model.n_iter_))))
    return [(*_spread(weight, bias, shown, count), flops) for weight, bias, flops in rows]


def _spread(weight: NDArray, bias: NDArray, shown: Ints, count: int) -> tuple[Floats, Floats]:
    """Rows of the labels that training showed, put among all ``count`` labels."""
    all_weights = np.zeros((count, weight.shape[1]), np.float32)
    all_biases = np.full(count, UNSEEN, np.float32)
    all_weights[shown], all_biases[shown] = weight, bias
    return all_weights, all_biases


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AdaptationError(
            f"no probe in {path.parent}: {path.name} is missing; give the folder that holds it",
            zh=f"{path.parent} 中没有探针：缺少 {path.name}；请指定含有它的文件夹",
        ) from None
    except (OSError, ValueError) as error:
        raise AdaptationError(f"{path} cannot be read: {error}", zh=f"{path} 读不出来：{error}") from None
    right = isinstance(config, dict) and set(config) == {"layer", "pool", "l2"}
    if not right or type(config["layer"]) is not int or type(config["l2"]) not in (int, float):
        raise AdaptationError(
            f"{path} must hold layer (a whole number), pool and l2 (a number), and nothing else",
            zh=f"{path} 应当只含 layer（整数）、pool 和 l2（数值）",
        )
    if config["pool"] not in get_args(Pool) or config["layer"] < 0:
        raise AdaptationError(
            f"{path} reads the {config['pool']!r} state of layer {config['layer']}; a probe reads the 'last' or the 'mean' "
            "state of a layer from 0 on",
            zh=f"{path} 读取第 {config['layer']} 层的 {config['pool']!r} 状态；探针只读取从 0 起的某一层的 'last' 或 'mean' 状态",
        )
    return config


def _tensors(path: Path) -> dict[str, Floats]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise AdaptationError(
            f"{path} is missing (only safetensors is read; pickled weights are not, because unpickling runs code)",
            zh=f"缺少 {path}（只读取 safetensors；不读取 pickle 权重，因为反序列化会执行代码）",
        ) from None
    except (OSError, SafetensorError) as error:
        raise AdaptationError(f"{path} is broken: {error}", zh=f"{path} 已损坏：{error}") from None


def _check_shapes(tensors: dict[str, Floats], path: Path) -> None:
    found = {name: list(tensor.shape) for name, tensor in sorted(tensors.items())}
    labels, d = tensors["weight"].shape if tensors.get("weight", np.zeros(0)).ndim == 2 else (0, 0)
    if found != {"bias": [labels], "mean": [d], "scale": [d], "weight": [labels, d]}:
        raise AdaptationError(
            f"{path} holds {found}; weight [labels, d], bias [labels], mean [d] and scale [d] make a probe",
            zh=f"{path} 中为 {found}；探针应由 weight [标签数, d]、bias [标签数]、mean [d] 和 scale [d] 组成",
        )
    if (
        any(t.dtype != np.float32 or not np.isfinite(t).all() for t in tensors.values())
        or (tensors["scale"] <= 0).any()
    ):
        raise AdaptationError(
            f"{path} holds numbers that no probe has: all are finite float32, and scale is above 0",
            zh=f"{path} 含有探针不可能有的数值：应全部为有限的 float32，且 scale 大于 0",
        )
