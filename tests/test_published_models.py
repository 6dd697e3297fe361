"""Published models against `transformers`: the same number of parameters, and with the same weights the same outputs."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from contracts import one_thread
from nlp.analysis.counting.model_size import count_recipe
from nlp.configs.load import load_recipe
from nlp.models.build import build_model
from nlp.tasks.build import head_of
from torch import Tensor, nn

__all__ = ["one_thread"]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
Weights = Mapping[str, Tensor]
BERT_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
ALBERT_BASE = {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
REFERENCES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert-base": ("Bert", {}),
    "bert-large": ("Bert", BERT_LARGE),
    "roberta-base": ("Roberta", {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}),
    "distilbert": ("DistilBert", {}),
    "albert-base": ("Albert", ALBERT_BASE),
    "gpt2-small": ("GPT2", {}),
    "gpt2-medium": ("GPT2", {"n_embd": 1024, "n_layer": 24, "n_head": 16}),
    "gpt2-large": ("GPT2", {"n_embd": 1280, "n_layer": 36, "n_head": 20}),
    "gpt2-xl": ("GPT2", {"n_embd": 1600, "n_layer": 48, "n_head": 25}),
    "llama-2-7b": ("Llama", {}),
    "mistral-7b": ("Mistral", {}),
    "t5-small": ("T5", {}),
}
CAUSAL = ("GPT2", "Llama", "Mistral")


def reference(kind: str, **settings: Any) -> nn.Module:
    """The model of `transformers`, without weights: nothing is downloaded."""
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{kind}Config")(**settings)
    name = {"GPT2": "GPT2LMHeadModel", "T5": "T5Model"}.get(kind, f"{kind}ForCausalLM" if kind in CAUSAL else f"{kind}Model")
    return getattr(transformers, name)(config).eval()


def ours(name: str, *changes: str) -> Any:
    recipe = load_recipe(f"counting/{name}", changes)
    return build_model(recipe.model, recipe.data, head_of(recipe.task, recipe.data)).eval()


@pytest.mark.parametrize("name", REFERENCES)
def test_as_many_parameters_as_in_transformers(name: str) -> None:
    kind, settings = REFERENCES[name]
    with torch.device("meta"):
        theirs = reference(kind, **settings)
    assert count_recipe(load_recipe(f"counting/{name}")).total == sum(parameter.numel() for parameter in theirs.parameters())


# Weights of `transformers` under our names


def joined(weights: Weights, *names: str) -> dict[str, Tensor]:
    """Weights and biases of several linear layers as those of one."""
    return {part: torch.cat([weights[f"{name}.{part}"] for name in names])
            for part in ("weight", "bias") if f"{names[0]}.{part}" in weights}


def named(weights: Weights, names: Mapping[str, str | tuple[str, ...]]) -> dict[str, Tensor]:
    """By our module's name, the weights of one or several modules of theirs."""
    found = {}
    for ours_, theirs in names.items():
        parts = joined(weights, *((theirs,) if isinstance(theirs, str) else theirs))
        assert parts, theirs
        found |= {f"{ours_}.{part}": tensor for part, tensor in parts.items()}
    return found


def numbered(template: Mapping[str, str | tuple[str, ...]], ours_: str, theirs: str, n: int) -> dict[str, str | tuple[str, ...]]:
    """The names of `n` blocks; `theirs` holds a `#` for the number."""
    def place(name: str, number: int) -> str:
        return f"{theirs.replace('#', str(number))}.{name}"

    return {f"{ours_}.{number}.{mine}": place(other, number) if isinstance(other, str) else tuple(place(each, number) for each in other)
            for number in range(n) for mine, other in template.items()}


BERT_BLOCK = {
    "attention.qkv": tuple(f"attention.self.{each}" for each in ("query", "key", "value")), "attention.out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm", "feed_forward.wide": "intermediate.dense", "feed_forward.out": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
BERT_EMBEDDING = {
    "embedding.words.tokens": "embeddings.word_embeddings", "embedding.positions": "embeddings.position_embeddings",
    "embedding.segments": "embeddings.token_type_embeddings", "embedding.norm": "embeddings.LayerNorm",
}
ALBERT_BLOCK = {
    "attention.qkv": ("attention.query", "attention.key", "attention.value"), "attention.out": "attention.dense",
    "attention_norm": "attention.LayerNorm", "feed_forward.wide": "ffn", "feed_forward.out": "ffn_output",
    "feed_forward_norm": "full_layer_layer_norm",
}
GPT2_BLOCK = {
    "attention.qkv": "attn.c_attn", "attention.out": "attn.c_proj", "attention_norm": "ln_1", "feed_forward.wide": "mlp.c_fc",
    "feed_forward.out": "mlp.c_proj", "feed_forward_norm": "ln_2",
}
LLAMA_BLOCK = {
    "attention.qkv": tuple(f"self_attn.{each}_proj" for each in "qkv"), "attention.out": "self_attn.o_proj",
    "attention_norm": "input_layernorm", "feed_forward.wide": ("mlp.gate_proj", "mlp.up_proj"), "feed_forward.out": "mlp.down_proj",
    "feed_forward_norm": "post_attention_layernorm",
}
T5_ENCODER_BLOCK = {
    "attention.qkv": tuple(f"layer.0.SelfAttention.{each}" for each in "qkv"), "attention.out": "layer.0.SelfAttention.o",
    "attention_norm": "layer.0.layer_norm", "feed_forward.wide": "layer.1.DenseReluDense.wi",
    "feed_forward.out": "layer.1.DenseReluDense.wo", "feed_forward_norm": "layer.1.layer_norm",
}
T5_DECODER_BLOCK = {
    **{name: T5_ENCODER_BLOCK[name] for name in ("attention.qkv", "attention.out", "attention_norm")},
    "source_attention.query": "layer.1.EncDecAttention.q", "source_attention.out": "layer.1.EncDecAttention.o",
    "source_attention.keys_and_values": ("layer.1.EncDecAttention.k", "layer.1.EncDecAttention.v"), "source_norm": "layer.1.layer_norm",
    "feed_forward.wide": "layer.2.DenseReluDense.wi", "feed_forward.out": "layer.2.DenseReluDense.wo",
    "feed_forward_norm": "layer.2.layer_norm",
}


def spread(model: nn.Module) -> Weights:
    """Random weights under which norms, biases and positions matter; sizes do not grow through the layers."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, mean=float(parameter.ndim == 1), std=0.3 if parameter.ndim == 1 else parameter.shape[-1] ** -0.5)
    return model.state_dict()


def fill(model: nn.Module, weights: Weights) -> None:
    """Every parameter of ours gets its weights; ties come along."""
    found = model.load_state_dict(dict(weights), strict=False)
    assert not found.unexpected_keys
    assert all(name.startswith(("output.scores", "source_embedding")) for name in found.missing_keys), found.missing_keys


def texts(vocab_size: int) -> tuple[Tensor, Tensor]:
    """Three texts of 11, 7 and 1 tokens, padded, and where their tokens are."""
    tokens, lengths = torch.randint(1, vocab_size, (3, 11), generator=torch.Generator().manual_seed(0)), torch.tensor([11, 7, 1])
    real = torch.arange(11) < lengths.unsqueeze(1)
    return tokens.masked_fill(~real, 0), real


def assert_same_encoder(model: Any, theirs: nn.Module) -> None:
    """States and pooled vectors of a BERT."""
    tokens, real = texts(90)
    segments = (torch.arange(11) > 4).long().expand(3, -1)
    with torch.no_grad():
        expected = theirs(tokens, attention_mask=real.long(), token_type_ids=segments)
        states = model.encode(tokens, real.sum(dim=1), segments=segments)
        pooled = model(tokens, real.sum(dim=1), segments=segments)
    torch.testing.assert_close(states[real], expected.last_hidden_state[real], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooled, expected.pooler_output, atol=1e-5, rtol=1e-5)


def assert_same_scores(model: Any, theirs: nn.Module) -> None:
    """Scores of the next word, read at once and token by token."""
    tokens, _ = texts(90)
    with torch.no_grad():
        expected = theirs(tokens[:1]).logits[0]
        scores = model(tokens[:1], torch.tensor([11]))[0]
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-5)
    first, past = model.next_scores(tokens[0, :6].tolist(), None)
    second, _ = model.next_scores(tokens[0, 6:].tolist(), past)
    torch.testing.assert_close(torch.tensor([first, second]).float(), expected[[5, 10]], atol=1e-5, rtol=1e-5)


def test_bert_gives_the_outputs_of_transformers() -> None:
    theirs, model = reference("Bert"), ours("bert-base")
    names = {**BERT_EMBEDDING, "output.hidden.0": "pooler.dense", **numbered(BERT_BLOCK, "hidden.blocks", "encoder.layer.#", 12)}
    fill(model, named(spread(theirs), names))
    assert_same_encoder(model, theirs)


def test_gpt2_gives_the_outputs_of_transformers() -> None:
    theirs, model = reference("GPT2"), ours("gpt2-small")
    names = {"embedding.words.tokens": "transformer.wte", "embedding.positions": "transformer.wpe", "hidden.norm": "transformer.ln_f",
             **numbered(GPT2_BLOCK, "hidden.blocks", "transformer.h.#", 12)}
    weights = {name: weight.T if ".c_" in name else weight for name, weight in spread(theirs).items()}  # its layers are stored transposed
    fill(model, named(weights, names))
    assert_same_scores(model, theirs)


def test_albert_gives_the_outputs_of_transformers() -> None:
    theirs, model = reference("Albert", **ALBERT_BASE), ours("albert-base")
    names = {**BERT_EMBEDDING, "embedding.projection": "encoder.embedding_hidden_mapping_in", "output.hidden.0": "pooler",
             **numbered(ALBERT_BLOCK, "hidden.blocks", "encoder.albert_layer_groups.0.albert_layers.#", 1)}
    fill(model, named(spread(theirs), names))
    assert_same_encoder(model, theirs)


@pytest.mark.parametrize(("name", "kind", "n_kv_heads"), [("llama-2-7b", "Llama", 4), ("mistral-7b", "Mistral", 2)])
def test_small_modern_decoders_give_the_outputs_of_transformers(name: str, kind: str, n_kv_heads: int) -> None:
    model = ours(name, "data.vocab_size=100", "model.d_model=32", "model.n_layers=3", "model.n_heads=4", f"model.n_kv_heads={n_kv_heads}",
                 "model.d_ff=48")
    theirs = reference(kind, vocab_size=100, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=n_kv_heads,
                       intermediate_size=48, rms_norm_eps=1e-5)
    names = {"embedding.words.tokens": "model.embed_tokens", "hidden.norm": "model.norm", "output.scores": "lm_head",
             **numbered(LLAMA_BLOCK, "hidden.blocks", "model.layers.#", 3)}
    fill(model, named(spread(theirs), names))
    assert_same_scores(model, theirs)


def test_t5_gives_the_outputs_of_transformers() -> None:
    theirs, model = reference("T5"), ours("t5-small")
    names = {"target_embedding.words": "shared", "encoder.norm": "encoder.final_layer_norm", "decoder.norm": "decoder.final_layer_norm",
             "encoder.relative.biases": "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
             "decoder.relative.biases": "decoder.block.0.layer.0.SelfAttention.relative_attention_bias",
             **numbered(T5_ENCODER_BLOCK, "encoder.blocks", "encoder.block.#", 6),
             **numbered(T5_DECODER_BLOCK, "decoder.blocks", "decoder.block.#", 6)}
    # T5 does not divide its scores by the root of the heads' size: queries 8 times as large undo the division.
    weights = {name: weight * math.sqrt(64) if name.endswith("Attention.q.weight") else weight for name, weight in spread(theirs).items()}
    fill(model, named(weights, names))
    (tokens, real), previous = texts(90), torch.randint(1, 90, (3, 150), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = theirs(input_ids=tokens, attention_mask=real.long(), decoder_input_ids=previous).last_hidden_state
        memory = model.encoder(model.source_embedding(tokens), real)
        states = model.decoder(model.target_embedding(previous), model.decoder.read(memory), real)
    torch.testing.assert_close(states, expected, atol=3e-5, rtol=1e-5)
