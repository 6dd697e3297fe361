"""Memory and FLOPs of a network's forward pass, computed on the meta device, where tensors have shapes but no values."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from ..configs.schema.data import SizesData
from ..configs.schema.models.networks import NetworkConfig
from .build import build_model
from .head import Heads
from .layers.word_embedding import ColumnEmbedding
from .networks.encoder_decoder import EncoderDecoder
from .networks.network import Network
from .networks.picture_cnn import PictureCnn

MEASURED_BLOCKS = 3
WORD_CHARACTERS = 8
"""Characters per word, for models with character features."""
DRAWN_WORDS = 64
"""Negative samples per block of text, for word vectors."""
FUSED_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(frozen=True)
class Load:
    """The batch to measure: number of texts (or vectors), and tokens of each (1 for a vector)."""

    texts: int
    tokens: int


class _Unfilled(TorchFunctionMode):
    """Skips weight initialisation, which is useless for tensors without memory but would take seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return (kwargs or {}).get("tensor", args[0] if args else None)
        return func(*args, **(kwargs or {}))


def build_without_weights(config: NetworkConfig, sizes: SizesData, head: Heads) -> Network:
    """The network that `build_model` builds, on the meta device."""
    with torch.device("meta"), _Unfilled():
        model = build_model(config, sizes, head)  # type: ignore[arg-type]
    assert isinstance(model, Network)
    return model


def forward_cost(model: Network, load: Load) -> tuple[int, int]:
    """FLOPs of the forward pass and bytes that it keeps for the backward pass, for the complete batch.

    Identical blocks cost the same, so only three of GPT-3's 96 blocks are measured.
    """
    stack = max((module for module in model.modules() if isinstance(module, nn.ModuleList)), key=len, default=nn.ModuleList())
    blocks = list(stack)
    if len(blocks) <= MEASURED_BLOCKS or len({_shapes(block) for block in blocks}) > 1:
        return whole_forward_cost(model, load)
    del stack[MEASURED_BLOCKS:]
    more = whole_forward_cost(model, load)
    del stack[MEASURED_BLOCKS - 1 :]
    fewer = whole_forward_cost(model, load)
    stack.extend(blocks[MEASURED_BLOCKS - 1 :])
    left = len(blocks) - MEASURED_BLOCKS
    return more[0] + left * (more[0] - fewer[0]), more[1] + left * (more[1] - fewer[1])


def _shapes(block: nn.Module) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(parameter.shape) for parameter in block.parameters())


def whole_forward_cost(model: Network, load: Load) -> tuple[int, int]:
    """Both figures from a forward pass through the complete model: FLOPs are multiplications and additions of matrix products.

    Memory that autograd saves is counted once, without the weights. Attention counts as fused, as it runs in practice:
    it keeps its inputs, its output and one number per row, not the matrix of all pairs.
    """
    weights = {id(parameter.untyped_storage()): parameter.untyped_storage() for parameter in model.parameters()}
    saved: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in weights:
            saved[id(storage)] = storage  # kept alive, so that its id is not reused
        return tensor

    inputs, counter = _inputs(model, load), FlopCounterMode(display=False, custom_mapping=FORMULAS)
    with _FusedAttention(), counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(**inputs)
    return counter.get_total_flops(), sum(storage.nbytes() for storage in saved.values())


def _inputs(model: Network, load: Load) -> dict[str, Tensor | None]:
    """The inputs of the model as tensors without values."""
    texts, tokens, reads = load.texts, load.tokens, model.reads
    inputs: dict[str, Tensor | None] = {"vectors": _empty(torch.float32, texts, _n_features(model))} if "vector" in reads else {}
    if "picture" in reads:
        inputs["pictures"] = _empty(torch.float32, texts, *_picture_size(model))
    if reads & {"other_bag", "other_tokens"}:  # half of the tokens belong to the second text
        tokens = max(1, -(-tokens // 2))
    if "bag" in reads:
        averaged = any(isinstance(module, nn.EmbeddingBag) for module in model.modules())
        weights = None if averaged else _empty(torch.float32, texts * tokens)
        inputs |= {"tokens": _empty(torch.int32, texts * tokens), "starts": _empty(torch.int32, texts), "weights": weights}
    if "previous" in reads:  # half of the tokens belong to the target; all but one if the source is not text
        n_source = -(-tokens // 2) if "tokens" in reads else 1
        inputs["previous"] = _empty(torch.int32, texts, max(1, tokens - n_source))
        inputs["lengths"], tokens = _empty(torch.int64, texts), n_source
    if reads & {"tokens", "label"}:
        inputs |= {"tokens": _empty(torch.int32, texts, tokens), "lengths": _empty(torch.int64, texts)}
    if reads & {"other_bag", "other_tokens"}:
        inputs |= {f"other_{name}": value for name, value in inputs.items()}
    if "characters" in reads:  # upper bound: as if no word occurred twice in the batch
        inputs["characters"] = _empty(torch.int32, texts * tokens, WORD_CHARACTERS)
        inputs["spelling"] = _empty(torch.int32, texts, tokens)
    if "columns" in reads:
        inputs["columns"] = _empty(torch.int32, texts, tokens, _n_columns(model))
    if reads & {"pairs", "windows"}:
        inputs |= {"near": _empty(torch.bool, texts, tokens, tokens), "negatives": _empty(torch.int32, texts, DRAWN_WORDS)}
    inputs |= {name: _empty(torch.float32, texts, size) for name, size in model.text_features.items()}
    return model.prepared(inputs) if isinstance(model, EncoderDecoder) else inputs


def _empty(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def _n_features(model: Network) -> int:
    return next(parameter for parameter in model.parameters() if parameter.ndim == 2).shape[1]


def _n_columns(model: Network) -> int:
    return next(len(module.columns) for module in model.modules() if isinstance(module, ColumnEmbedding))


def _picture_size(model: Network) -> tuple[int, int]:
    return next(module.picture_size for module in model.modules() if isinstance(module, PictureCnn))


class _FusedAttention(TorchFunctionMode):
    """Keeps attention fused, as on a real device; meta tensors would split it into matrix products."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func is functional.scaled_dot_product_attention:
            return FUSED_ATTENTION(*args[:3])[0]
        return func(*args, **(kwargs or {}))


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """FLOPs of attention; a causal mask does not reduce them, as is usual in such counts."""
    return sdpa_flop_count(query, key, value)


def _bag_flops(weight: Any, tokens: Any, *_: Any, **__: Any) -> int:
    """One multiplication and one addition for each number that is looked up."""
    return 2 * tokens[0] * weight[1]


FORMULAS = {FUSED_ATTENTION: _attention_flops, torch.ops.aten._embedding_bag: _bag_flops}
"""FLOP formulas that torch's counter lacks."""
