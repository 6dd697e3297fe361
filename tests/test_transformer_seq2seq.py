"""The transformer encoder-decoder: against torch's own, step by step, padding, the future, its own choices, and what it looks at."""

import numpy as np
import pytest
import torch
from contracts import one_thread, parameters_by_hand
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.transformers import TransformerSeq2SeqConfig
from nlp.configs.schema.tasks.sequence_to_sequence import DecodingConfig
from nlp.configs.schema.tokenizer import BOS, EOS, PAD
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.models.decoding import beam_search, greedy
from nlp.models.head import Head
from nlp.models.networks.encoder_decoder import own_choices
from torch import nn
from torch.nn import functional

__all__ = ["one_thread"]

N_SOURCE, N_TARGET, D = 20, 17, 16
SIZES = SizesData(type="sizes", vocab_size=N_SOURCE, target_vocab_size=N_TARGET)
HEAD, TIED = Head("sequence", N_TARGET), Head("sequence", N_TARGET, tied=True)
ALL_TIED = Head("sequence", N_SOURCE, tied=True, tied_source=True, bias=False)
KINDS = [{"norm": norm, "positions": positions} for norm in ("pre", "post") for positions in ("sinusoidal", "learned")]
MODERN = [
    {"norm_type": "rms_norm", "activation": "silu", "gated": True, "bias": False, "positions": "rotary", "n_heads": 4, "n_kv_heads": 2},
    {"norm_type": "rms_norm", "bias": False, "positions": "relative", "share_layers": True},
]
every_kind = pytest.mark.parametrize("kind", [*KINDS, *MODERN], ids=lambda kind: "-".join(map(str, kind.values())))


def config(**settings) -> TransformerSeq2SeqConfig:
    small = {"d_model": D, "n_encoder_layers": 2, "n_decoder_layers": 2, "n_heads": 2, "d_ff": 24, "max_positions": 24}
    return TransformerSeq2SeqConfig(type="transformer_seq2seq", **{**small, **settings})


def build(head: Head = HEAD, sizes: SizesData = SIZES, seed: int = 1, **settings):
    torch.manual_seed(seed)
    return build_model(config(**settings), sizes, head).eval()


def batch(n_rows: int = 5, longest: int = 9, extra: int = 0, seed: int = 0) -> dict[str, torch.Tensor]:
    """Sources and targets of several lengths; `extra` columns of padding more behind the sources."""
    generator = np.random.default_rng(seed)
    lengths = [longest, 1, *generator.integers(1, longest + 1, n_rows)][:n_rows]
    tokens, previous = np.full((n_rows, longest + extra), PAD), np.full((n_rows, longest), PAD)
    for row, length in enumerate(lengths):
        tokens[row, :length] = [*generator.integers(EOS, N_SOURCE, length - 1), EOS]
        previous[row, :length] = [BOS, *generator.integers(EOS + 1, N_TARGET, length - 1)]
    return {"tokens": torch.from_numpy(tokens).int(), "lengths": torch.tensor(lengths), "previous": torch.from_numpy(previous).int()}


def copied(ours: nn.Module, theirs: nn.Module) -> None:
    theirs.load_state_dict({name: value.clone() for name, value in ours.state_dict().items()})


def torchs_own(model, norm: str) -> nn.Transformer:
    """`nn.Transformer` with the same weights."""
    reference = nn.Transformer(D, 2, 2, 2, 24, dropout=0.0, activation="relu", batch_first=True, norm_first=norm == "pre")
    for ours, theirs in ((model.encoder, reference.encoder), (model.decoder, reference.decoder)):
        for block, layer in zip(ours.blocks, theirs.layers, strict=True):
            attentions = [(block.attention.qkv, block.attention.out, layer.self_attn)]
            norms = [(block.attention_norm, layer.norm1)]
            if ours is model.decoder:
                source = block.source_attention
                joined = nn.Linear(D, 3 * D)
                joined.weight.data = torch.cat([source.query.weight, source.keys_and_values.weight])
                joined.bias.data = torch.cat([source.query.bias, source.keys_and_values.bias])
                attentions.append((joined, source.out, layer.multihead_attn))
                norms += [(block.source_norm, layer.norm2), (block.feed_forward_norm, layer.norm3)]
            else:
                norms.append((block.feed_forward_norm, layer.norm2))
            for joined, out, attention in attentions:
                attention.in_proj_weight.data, attention.in_proj_bias.data = joined.weight.data, joined.bias.data
                copied(out, attention.out_proj)
            for one, other in [*norms, (block.feed_forward.wide, layer.linear1), (block.feed_forward.out, layer.linear2)]:
                copied(one, other)
        if norm == "pre":
            copied(ours.norm, theirs.norm)
        else:
            theirs.norm = None
    return reference  # in training mode, which leaves out the nested tensors of its fast path; there is no dropout


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind.values()))
def test_it_is_torchs_transformer(kind):
    model, inputs = build(**kind), batch()
    padding = torch.arange(inputs["tokens"].shape[1]) >= inputs["lengths"].unsqueeze(1)
    causal = nn.Transformer.generate_square_subsequent_mask(inputs["previous"].shape[1])
    source, target = model.source_embedding(inputs["tokens"]), model.target_embedding(inputs["previous"])
    with torch.no_grad():
        states = torchs_own(model, kind["norm"])(source, target, tgt_mask=causal, src_key_padding_mask=padding,
                                                 memory_key_padding_mask=padding, tgt_is_causal=True)
        torch.testing.assert_close(model(**inputs), model.output.scores(states), atol=1e-5, rtol=1e-5)


@every_kind
def test_step_by_step_is_the_complete_target_at_once(kind):
    model, inputs = build(**kind), batch(extra=3)
    with torch.no_grad():
        complete = model(**inputs)
        memory, state = model.encode(inputs["tokens"], inputs["lengths"])
        for place in range(complete.shape[1]):
            logits, state = model.step(inputs["previous"][:, place : place + 1], memory, state)
            torch.testing.assert_close(logits[:, 0], complete[:, place], atol=1e-5, rtol=1e-5)


def test_hypotheses_of_one_sentence_do_not_mix():
    model, inputs = build(), batch(n_rows=2)
    prefixes = torch.tensor([[[BOS, 8, 9], [BOS, 11, 10]], [[BOS, 12, 8], [BOS, 8, 8]]])  # (batch, k, places)
    with torch.no_grad():
        memory, state = model.encode(inputs["tokens"], inputs["lengths"])
        state = {name: each.expand(-1, 2, *each.shape[2:]) for name, each in state.items()}
        for place in range(3):
            logits, state = model.step(prefixes[:, :, place], memory, state)
        for k in range(2):
            alone = model(inputs["tokens"], inputs["lengths"], prefixes[:, k])
            torch.testing.assert_close(logits[:, k], alone[:, -1], atol=1e-5, rtol=1e-5)


@every_kind
def test_padding_changes_nothing(kind):
    model = build(**kind)
    with torch.no_grad():
        torch.testing.assert_close(model(**batch(extra=4)), model(**batch()), atol=1e-5, rtol=1e-5)
        inputs = batch()
        alone = {name: each[1:2] for name, each in inputs.items()} | {"tokens": inputs["tokens"][1:2, : inputs["lengths"][1]]}
        torch.testing.assert_close(model(**alone)[0, :1], model(**inputs)[1, :1], atol=1e-5, rtol=1e-5)


def test_no_place_sees_a_later_one():
    model, inputs = build(), batch()
    changed = inputs["previous"].clone()
    changed[:, 5:] = 9
    with torch.no_grad():
        before, after = model(**inputs), model(**{**inputs, "previous": changed})
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert (before[:, 5:] - after[:, 5:]).abs().max() > 1e-3


def test_searches_agree_and_depend_on_no_other_sentence():
    model, inputs = build(seed=3), batch(n_rows=8)
    found = beam_search(model, inputs["tokens"], inputs["lengths"], DecodingConfig(max_length=12))
    assert [texts[0].tokens for texts in found] == [each.tokens for each in greedy(model, inputs["tokens"], inputs["lengths"], 12)]
    wide = DecodingConfig(beam_size=4, max_length=12)
    together = beam_search(model, inputs["tokens"], inputs["lengths"], wide, n_best=4)
    for row, length in enumerate(inputs["lengths"].tolist()):
        (alone,) = beam_search(model, inputs["tokens"][row : row + 1, :length], torch.tensor([length]), wide, n_best=4)
        assert [each.tokens for each in alone] == [each.tokens for each in together[row]]
        assert [each.score for each in alone] == pytest.approx([each.score for each in together[row]], abs=1e-4)


def test_its_own_choices_replace_tokens_where_they_are_drawn():
    torch.manual_seed(5)
    previous, logits = torch.tensor([[BOS, 8, 9, 10]] * 500), torch.zeros(500, 4, N_TARGET)
    logits[:, :, 15] = 1
    given = own_choices(previous, logits, teacher_forcing=0.7)
    assert (given[:, 0] == BOS).all()
    assert ((given[:, 1:] == previous[:, 1:]) | (given[:, 1:] == 15)).all()
    assert (given[:, 1:] == 15).float().mean().item() == pytest.approx(0.3, abs=0.04)


def test_without_teacher_forcing_it_is_given_its_own_output():
    model, inputs = build(), batch()
    with torch.no_grad():
        printed = model(**inputs).argmax(dim=2)[:, :-1].int()
        own = torch.cat([inputs["previous"][:, :1], printed], dim=1)
        torch.testing.assert_close(model(**inputs, teacher_forcing=0.0), model(**{**inputs, "previous": own}))
        torch.manual_seed(2)
        once = model(**inputs, teacher_forcing=0.5)
        torch.manual_seed(2)
        torch.testing.assert_close(model(**inputs, teacher_forcing=0.5), once)


def test_what_it_looks_at_is_the_attention_that_it_uses():
    model, inputs = build(n_decoder_layers=1), batch()
    with torch.no_grad():
        looks = model.alignments(**inputs)
        torch.testing.assert_close(looks.sum(dim=2), torch.ones(looks.shape[:2]))
        padding = torch.arange(looks.shape[2]) >= inputs["lengths"].unsqueeze(1)
        assert (looks.transpose(1, 2)[padding] == 0).all()
        block, states = model.decoder.blocks[0], model.encoder(model.source_embedding(inputs["tokens"]), ~padding)
        x = model.target_embedding(inputs["previous"])
        x = x + block.attention(block.attention_norm(x))
        source, query = block.source_attention.read(states), block.source_norm(x)
        mixed = (block.source_attention.weights(query, source, ~padding) @ source[1]).transpose(1, 2).flatten(2)
        torch.testing.assert_close(block.source_attention.out(mixed), block.source_attention(query, source, ~padding))


@every_kind
@pytest.mark.parametrize("head", [HEAD, TIED, ALL_TIED], ids=["untied", "tied", "all-tied"])
def test_parameters_by_hand(kind, head):
    sizes = SIZES.model_copy(update={"target_vocab_size": head.n_outputs})
    model = build(head, sizes, **kind)
    assert model.describe()["parameters"] == parameters_by_hand(config(**kind), sizes, head)
    assert (model.source_embedding.words.weight is model.output.scores.weight) == head.tied_source


def test_three_matrices_of_two_sizes_cannot_be_one():
    with pytest.raises(ConfigError, match="share_vocabulary"):
        build(Head("sequence", N_TARGET, tied=True, tied_source=True))


@every_kind
def test_one_small_batch_is_learned_by_heart(kind):
    model, inputs = build(**kind).train(), batch(n_rows=6, longest=6)
    targets = torch.cat([inputs["previous"][:, 1:], torch.zeros(6, 1)], dim=1).long()
    targets[torch.arange(6), inputs["lengths"] - 1] = EOS
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        logits = model(**inputs)
        loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD)
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    assert (model.eval()(**inputs).argmax(dim=2) == targets)[targets != PAD].all()
    found = greedy(model, inputs["tokens"], inputs["lengths"], 10)
    assert [each.tokens for each in found] == [row[: row.tolist().index(EOS)].tolist() for row in targets]
