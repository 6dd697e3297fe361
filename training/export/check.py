"""Compares an exported network, run by onnxruntime, with the network itself on real examples."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...datasets.arrays import FloatArray, IntArray
from ...datasets.encoded.batching import evenly_spaced
from ...datasets.encoded.split import Batch, Split
from ...errors import DataError, RunError
from ...tasks.tagging import word_counts
from ..open_run import OpenedRun
from .arrays import NOT_READ, network_inputs

ROWS = 32
TOLERANCE = 1e-4
"""Largest difference of two scores, as a share of the largest score: single precision gives about 1e-6."""


class Checked(NamedTuple):
    """The largest difference of scores, the largest score, the number of examples, and the split that they are from."""

    difference: float
    largest: float
    rows: int
    split: str


def checked(run: OpenedRun, content: bytes, split: Split) -> Checked:
    """Run the exported network on examples of a split. Raises RunError if its scores differ from those of the run's network."""
    from onnxruntime import InferenceSession

    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    rows = check_rows(run, split)
    found = [_compare(run, session, split.batch(each, run.model.config.inputs)) for each in _batches(rows)]
    difference, largest = np.max(found, axis=0).tolist()
    if not difference <= TOLERANCE * largest:
        raise RunError(f"The exported network differs from {run.directory.address}: by up to {difference:.2g} in scores of up to "
                            f"{largest:.3g}, on {len(rows)} {split.name} examples. Nothing was written. This is a bug in nlp or in torch's "
                            "exporter, not in your run; please report it with the versions that `pip list` shows of torch, onnxscript and "
                            "onnxruntime.")
    return Checked(difference, largest, len(rows), split.name)


def check_rows(run: OpenedRun, split: Split) -> IntArray:
    """Rows spread over a split, short texts first. Sentences that a tagger would read in several windows are left out."""
    batches = split.evaluation_batches()
    if run.task.type == "tagging" and run.recipe.model.longest_input is not None and split.lengths is not None:
        batches = [rows[split.lengths[rows] <= run.recipe.model.longest_input] for rows in batches]
    rows = np.concatenate(batches)
    if not len(rows):
        raise DataError(f"The {split.name} split has no example to check an exported network with. Add some.")
    return rows[evenly_spaced(len(rows), ROWS)]


def _batches(rows: IntArray) -> Sequence[IntArray]:
    """The shortest and the longest text alone, and batches of several sizes that mix lengths."""
    return [rows[:1], rows[-1:], rows[:: max(len(rows) // 2, 1)], rows[::5], rows]


def _compare(run: OpenedRun, session: Any, batch: Batch) -> tuple[float, float]:
    """The largest difference of scores, and the largest score; on real tokens only."""
    exported = session.run(None, network_inputs(run, batch.inputs))
    pairs = [(theirs[real], ours[real]) for theirs, ours in zip(exported, own_scores(run, batch).values(), strict=True)
             for real in [_real(ours, batch)]]
    return (max((float(np.abs(theirs - ours).max(initial=0.0)) for theirs, ours in pairs)),
            max(float(np.abs(ours).max(initial=0.0)) for _, ours in pairs))


def own_scores(run: OpenedRun, batch: Batch) -> dict[str, FloatArray]:
    """The scores of the run's own network by the name of the output in ONNX: `logits`, or the `number` of a regression in its own units."""
    inputs = {name: value for name, value in batch.inputs.items() if name not in NOT_READ}
    outputs, standard = run.model.outputs(**inputs), run.encoding.standard
    if standard is not None:
        return {"number": outputs["scores"][:, 0] * standard.scale + standard.mean}
    return {"logits" if name in ("scores", "tokens") else f"{name}_logits": scores for name, scores in outputs.items()}


def _real(scores: FloatArray, batch: Batch) -> Any:
    """Which scores count: all of a text, or those of real tokens or words."""
    return np.arange(scores.shape[1]) < word_counts(batch)[:, None] if scores.ndim == 3 else np.ones(len(scores), dtype=bool)
