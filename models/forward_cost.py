"""What a network's forward pass costs in memory and arithmetic, on the meta device: shapes flow, numbers do not."""

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
"""Characters of a word, where features of them are counted."""
DRAWN_WORDS = 64
"""Words that are drawn at random for a block of text, where word vectors are learned."""
FUSED_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@dataclass(frozen=True)
class Load:
    """The batch that is measured: number of texts (or vectors), and tokens of each (1 for a vector)."""

    texts: int
    tokens: int


class _Unfilled(TorchFunctionMode):
    """Leaves out the drawing of first weights, which a tensor without memory has no use for, but which would take seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return (kwargs or {}).get("tensor", args[0] if args else None)
        return func(*args, **(kwargs or {}))


def build_without_weights(config: NetworkConfig, sizes: SizesData, head: Heads) -> Network:
    """The real network from the real factory, on the meta device."""
    with torch.device("meta"), _Unfilled():
        model = build_model(config, sizes, head)  # type: ignore[arg-type]
    assert isinstance(model, Network)
    return model


def forward_cost(model: Network, load: Load) -> tuple[int, int]:
    """FLOPs of the forward pass and bytes that it keeps for the backward pass, for the complete batch.

    Identical blocks cost the same, so of GPT-3's 96 only three are measured.
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
    """Both figures from a forward pass through all of the model: FLOPs are multiplications and additions of matrix products.

    What autograd saves is counted once for each piece of memory, weights left out. Attention is taken to be fused, as it runs:
    it keeps its inputs, its output and one number a row, not the table of all pairs.
    """
    weights = {id(parameter.untyped_storage()): parameter.untyped_storage() for parameter in model.parameters()}
    saved: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in weights:
            saved[id(storage)] = storage  # held, so that no other takes its id
        return tensor

    inputs, counter = _inputs(model, load), FlopCounterMode(display=False, custom_mapping=FORMULAS)
    with _FusedAttention(), counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(**inputs)
    return counter.get_total_flops(), sum(storage.nbytes() for storage in saved.values())


def _inputs(model: Network, load: Load) -> dict[str, Tensor | None]:
    """The arrays of everything that the model reads, without their numbers."""
    texts, tokens, reads = load.texts, load.tokens, model.reads
    inputs: dict[str, Tensor | None] = {"vectors": _empty(torch.float32, texts, _n_features(model))} if "vector" in reads else {}
    if "picture" in reads:
        inputs["pictures"] = _empty(torch.float32, texts, *_picture_size(model))
    if reads & {"other_bag", "other_tokens"}:  # half of the tokens are the second text's
        tokens = max(1, -(-tokens // 2))
    if "bag" in reads:
        averaged = any(isinstance(module, nn.EmbeddingBag) for module in model.modules())
        weights = None if averaged else _empty(torch.float32, texts * tokens)
        inputs |= {"tokens": _empty(torch.int32, texts * tokens), "starts": _empty(torch.int32, texts), "weights": weights}
    if "previous" in reads:  # half of the tokens are the target's; all but one where the source is no text
        n_source = -(-tokens // 2) if "tokens" in reads else 1
        inputs["previous"] = _empty(torch.int32, texts, max(1, tokens - n_source))
        inputs["lengths"], tokens = _empty(torch.int64, texts), n_source
    if reads & {"tokens", "label"}:
        inputs |= {"tokens": _empty(torch.int32, texts, tokens), "lengths": _empty(torch.int64, texts)}
    if reads & {"other_bag", "other_tokens"}:
        inputs |= {f"other_{name}": value for name, value in inputs.items()}
    if "characters" in reads:  # at most: as if no word occurred twice in the batch
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
    """Meta tensors would take attention apart into its products; a real device computes it in one piece."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func is functional.scaled_dot_product_attention:
            return FUSED_ATTENTION(*args[:3])[0]
        return func(*args, **(kwargs or {}))


def _attention_flops(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """A causal mask is not taken off, as is usual in such counts."""
    return sdpa_flop_count(query, key, value)


def _bag_flops(weight: Any, tokens: Any, *_: Any, **__: Any) -> int:
    """One multiplication and one addition for each number that is looked up."""
    return 2 * tokens[0] * weight[1]


FORMULAS = {FUSED_ATTENTION: _attention_flops, torch.ops.aten._embedding_bag: _bag_flops}
"""What torch's counter does not know."""
