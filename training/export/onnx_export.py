"""Export a trained network as ONNX, with its description and tokenizers beside it; checked against the run before it is written."""

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ...configs.schema.models.networks import CnnConfig, MlpConfig, PictureCnnConfig, RecurrentConfig
from ...configs.schema.models.transformers import TransformerConfig
from ...datasets.build import read_split
from ...datasets.encoded.split import Split
from ...errors import ConfigError, MissingExtraError, RunError
from ...storage import write_files
from ..open_run import OpenedRun
from .arrays import Array, array_of, network_inputs
from .check import Checked, check_rows, checked, own_scores
from .description import description

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
TASKS = ("classification", "regression", "tagging", "language_modeling", "masked_language_modeling")
NETWORKS = (MlpConfig, CnnConfig, PictureCnnConfig, RecurrentConfig, TransformerConfig)
EXPORTED = ("ONNX files are written of trained networks of the types mlp, cnn, picture_cnn, rnn, lstm, gru and transformer that classify, "
            "predict numbers, tag without a CRF or score the tokens of a text")
LARGEST = 2**31 - 2**20
"""Bytes of weights that fit into one file in the format of ONNX."""


class Exported(NamedTuple):
    """The files that were written, the ONNX file first, and the result of the check."""

    files: Sequence[Path]
    checked: Checked


def export_network(run: OpenedRun, output: Path) -> Exported:
    """Write a run's network as `output`, its description as `.json` beside it, and its tokenizers' files.

    Raises ConfigError for a run that has no such network, MissingExtraError without the packages of the extra `export`, RunError if
    the result differs from the network; nothing is written then.
    """
    refuse(run)
    require_packages()
    output = output.resolve()
    files = _tokenizer_files(run, output)
    described = output.with_suffix(".json")
    _refuse_to_overwrite(output, [described, *(path for each in files.values() for path in each)])
    split, _ = read_split(run.recipe.data, run.task.preparation, run.encoding, None, run.hashes)
    inputs, outputs = _arrays(run, split)
    about = description(run, inputs, outputs, {role: [path.name for path in each] for role, each in files.items()})
    content = _content(run, inputs, outputs, about)
    result = checked(run, content, split)
    written = {described: (json.dumps(about, ensure_ascii=False, indent=2) + "\n").encode("utf-8"),
               **{path: data for each in files.values() for path, data in each.items()}, output: content}
    try:
        write_files(written)
    except OSError as error:
        raise RunError(f"{output} and the files beside it cannot be written: {error.strerror or error}. Nothing was changed. Name a file "
                       "in an existing folder.") from error
    return Exported([output, *(path for path in written if path != output)], result)


def require_packages() -> None:
    """Raises MissingExtraError if a package of the extra is not installed."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"Writing ONNX files needs the extra, of which {', '.join(missing)} is not installed: "
                                "pip install 'nlp-generations[export]'.")


def refuse(run: OpenedRun) -> None:
    """Raises ConfigError for a run whose model cannot be exported."""
    address, model, task = run.directory.address, run.recipe.model, run.task.type
    if model.learns_by != "gradient":
        raise ConfigError(f"{address} has a model of type {model.type}, which is not a network. {EXPORTED}.")
    if task not in TASKS:
        raise ConfigError(f"{address} has a network for task.type {task}, which an ONNX file of scores does not cover. {EXPORTED}.")
    if not isinstance(model, NETWORKS):
        raise ConfigError(f"{address} has a network of type {model.type}, which needs more than arrays, or the code of another library. "
                          f"{EXPORTED}.")
    if getattr(run.recipe.task, "crf", False):
        raise ConfigError(f"{address} has a conditional random field, whose search for the best tags is not part of an ONNX file; "
                          f"train with `--set task.crf=false` instead. {EXPORTED}.")
    size = sum(tensor.nbytes for tensor in run.model.state_dict().values())
    if size > LARGEST:
        raise ConfigError(f"{address} has {size / 1e9:.1f} GB of weights, and an ONNX file has at most 2 GB.")


def _tokenizer_files(run: OpenedRun, output: Path) -> Mapping[str, Mapping[Path, bytes]]:
    """The files of each tokenizer as the run has them, by role and by their path beside the ONNX file."""
    return {role: {output.with_name(f"{output.stem}.{'' if role == 'text' else f'{role}.'}{name}"): content
                   for name, content in tokenizer.files().items()}
            for role, tokenizer in run.encoding.tokenizers.items() if role == "text" or role in run.recipe.model.inputs}


def _refuse_to_overwrite(output: Path, beside: Sequence[Path]) -> None:
    """Files beside the ONNX file are replaced only together with it. Raises ConfigError if one exists without it, or without its folder."""
    if not output.parent.is_dir():
        raise ConfigError(f"{output.parent} is not a folder. Name a file in an existing folder.")
    if (other := next((path for path in beside if path.exists()), None)) is not None and not output.exists():
        raise ConfigError(f"{other} exists, but {output.name} does not, so it may be something else. Move it away, or choose another name "
                          "for --output.")


def _arrays(run: OpenedRun, split: Split) -> tuple[list[Array], list[Array]]:
    """The inputs and outputs of the exported network, as those of a batch."""
    batch = split.batch(check_rows(run, split)[:1], run.model.config.inputs)
    inputs = [array_of(name, values) for name, values in network_inputs(run, batch.inputs).items()]
    second = "words" if any(each.name == "first_pieces" for each in inputs) else "tokens"
    axes: dict[int, tuple[str, ...]] = {1: ("batch",), 2: ("batch",), 3: ("batch", second)}
    outputs = []
    for name, scores in own_scores(run, batch).items():
        shape = axes[scores.ndim]
        outputs.append(Array(name, "float32", (*shape, *scores.shape[len(shape) :])))
    return inputs, outputs


def _content(run: OpenedRun, inputs: Sequence[Array], outputs: Sequence[Array], about: Mapping[str, Any]) -> bytes:
    """The ONNX file; its metadata has the entries of the description as JSON."""
    from onnx.helper import set_model_props

    from .graph import onnx_graph

    graph = onnx_graph(run.model, inputs, [each.name for each in outputs], run.recipe.model.longest_input, run.encoding.standard)
    set_model_props(graph, {name: json.dumps(value, ensure_ascii=False) for name, value in about.items()})
    return graph.SerializeToString()
