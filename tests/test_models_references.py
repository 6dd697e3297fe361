"""Every layer against an independent implementation with the same weights, or against arithmetic."""

import math

import numpy as np
import pytest
import torch
from contracts import (
    N_FEATURES,
    N_TOKENS,
    WORDS,
    Case,
    cnn,
    inputs_for,
    mlp,
    one_thread,
    recurrent,
    some_texts,
    tensors_for,
    transformer,
)
from nlp.configs.schema.tokenizer import SPECIAL_TOKENS, UNK
from nlp.models.layers.activations import ACTIVATIONS, MONOTONE, activation
from nlp.models.layers.attention import SelfAttention
from nlp.models.layers.convolutions import Convolutions
from nlp.models.layers.embedding import SparseLinear, TokenDropout
from nlp.models.layers.pooling import AttentionPooling, LastPooling, MaxPooling, MeanPooling
from nlp.models.layers.positions import RelativePositions, Rotary, sinusoids
from nlp.models.layers.recurrence import CELLS, RecurrentEncoder, reverse, reversed_places
from nlp.models.layers.transformer_blocks import FeedForward
from nlp.models.networks.transformer import Transformer
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["one_thread"]

LENGTHS = torch.tensor([7, 1, 4])

# Embedding


def test_token_dropout_reads_its_share_as_unknown_and_leaves_special_tokens_alone() -> None:
    torch.manual_seed(0)
    layer, tokens = TokenDropout(0.25), torch.randint(len(SPECIAL_TOKENS), 1000, (100, 200))
    tokens[:, ::2] = torch.arange(100) % len(SPECIAL_TOKENS)
    read = layer(tokens)
    assert torch.equal(read[:, ::2], tokens[:, ::2])
    changed = read != tokens
    assert (read[changed] == UNK).all()
    assert changed[:, 1::2].float().mean().item() == pytest.approx(0.25, abs=0.02)  # 10,000 draws: more than four standard errors
    assert layer.eval()(tokens) is tokens


@pytest.mark.parametrize("config", [cnn(token_dropout=0.5), recurrent("lstm", token_dropout=0.5), transformer(token_dropout=0.5)],
                         ids=["cnn", "lstm", "transformer"])
def test_networks_drop_tokens_only_while_they_train(config) -> None:
    case = Case("dropping", config)
    network, inputs = case.build(), tensors_for(case, some_texts(8))
    full = network.eval()(**inputs)
    torch.testing.assert_close(network(**inputs), full)
    assert not torch.allclose(network.train()(**inputs), full)



def mask(lengths: torch.Tensor, seq: int) -> torch.Tensor:
    return torch.arange(seq) < lengths[:, None]


# Recurrent


def packed_twin(encoder: RecurrentEncoder, cell: str, d_input: int, d_state: int) -> nn.RNNBase:
    """Torch's own network of several layers in both directions, with the encoder's weights."""
    both = encoder.layers[0].back is not None
    twin = CELLS[cell](d_input, d_state, num_layers=len(encoder.layers), bidirectional=both, batch_first=True)
    weights = {}
    for number, layer in enumerate(encoder.layers):
        for direction, suffix in ((layer.ahead, ""), (layer.back, "_reverse")):
            if direction is not None:
                weights |= {f"{name[:-1]}{number}{suffix}": weight for name, weight in direction.state_dict().items()}
    twin.load_state_dict(weights)
    return twin


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_recurrent_layers_are_torchs_over_packed_texts(cell: str, bidirectional: bool) -> None:
    torch.manual_seed(0)
    ours, x = RecurrentEncoder(CELLS[cell], 5, 6, 2, bidirectional, 0.0), torch.randn(3, 7, 5, requires_grad=True)
    twin, y = packed_twin(ours, cell, 5, 6), x.detach().clone().requires_grad_()
    states = ours(x, LENGTHS)
    packed, final = twin(pack_padded_sequence(y, LENGTHS, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True)
    real = mask(LENGTHS, 7)
    torch.testing.assert_close(states[real], expected[real], atol=1e-5, rtol=1e-4)
    states[real].square().sum().backward()
    expected[real].square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, atol=1e-5, rtol=1e-4)
    final = final[0] if isinstance(final, tuple) else final
    last = torch.cat([final[-2], final[-1]], dim=1) if bidirectional else final[-1]
    for pool in (LastPooling(), MaxPooling(), MeanPooling()):
        full = last if isinstance(pool, LastPooling) else pool(states, LENGTHS)
        parts = [pool(part, LENGTHS) for part in ours.directions(x, LENGTHS)]
        torch.testing.assert_close(torch.cat(parts, dim=1), full, atol=1e-5, rtol=1e-4)


def test_reversing_keeps_padding_behind_and_is_its_own_inverse() -> None:
    x = torch.arange(1.0, 9.0).view(2, 4, 1)
    places = reversed_places(torch.tensor([3, 4]), 4)
    assert reverse(x, places).flatten().tolist() == [3, 2, 1, 4, 8, 7, 6, 5]
    torch.testing.assert_close(reverse(reverse(x, places), places), x)
    assert torch.autograd.gradcheck(lambda y: reverse(y, places), x.double().requires_grad_())


def test_an_lstm_starts_with_its_forget_gate_open() -> None:
    model = Case("lstm", recurrent("lstm")).build()
    gates = (model.hidden.layers[0].ahead.bias_ih_l0 + model.hidden.layers[0].ahead.bias_hh_l0).view(4, -1)
    assert gates.tolist() == [[0.0] * 6, [1.0] * 6, [0.0] * 6, [0.0] * 6]


# Convolution


@pytest.mark.parametrize("widths", [[3, 4, 5], [1], [2, 6]])
def test_convolutions_are_torchs_over_each_text_by_itself(widths: list[int]) -> None:
    torch.manual_seed(0)
    ours = Convolutions(5, widths, 4)
    x = torch.randn(3, 7, 5) * mask(LENGTHS, 7)[:, :, None]
    for row, length in enumerate(LENGTHS.tolist()):
        expected = []
        for layer, width in zip(ours.filters, widths, strict=True):
            text = functional.pad(x[row, :length].T, ((width - 1) // 2, width - 1 - (width - 1) // 2))
            kernel = layer.weight.view(4, width, 5).transpose(1, 2)
            expected.append(functional.conv1d(text[None], kernel, layer.bias)[0].T)
        torch.testing.assert_close(ours(x)[row, :length], torch.cat(expected, dim=1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activation_after_max_pooling_is_activation_before_it(name) -> None:
    model, texts = Case("cnn", cnn(activation=name)).build(), some_texts(5)
    inputs = tensors_for(Case("cnn", cnn()), texts)
    features = activation(name)(model.hidden(model.embedding(inputs["tokens"])))
    pooled = torch.stack([features[row, : len(text)].max(dim=0).values for row, text in enumerate(texts)])
    torch.testing.assert_close(model(**inputs), model.output.scores(pooled))


@pytest.mark.parametrize("name", sorted(MONOTONE))
def test_these_activations_never_fall(name) -> None:
    x = torch.linspace(-6, 6, 2001)
    assert (activation(name)(x).diff() >= -1e-7).all()


# Transformer


def torch_twin(model: Transformer, norm_first: bool, non_linearity: str) -> nn.TransformerEncoder:
    d_model = 8
    layer = nn.TransformerEncoderLayer(d_model, 2, 16, 0.0, non_linearity, batch_first=True, norm_first=norm_first)
    twin = nn.TransformerEncoder(layer, 2, nn.LayerNorm(d_model) if norm_first else None, enable_nested_tensor=False)
    names = {"attention.qkv.": "self_attn.in_proj_", "attention.out.": "self_attn.out_proj.", "feed_forward.wide.": "linear1.",
             "feed_forward.out.": "linear2.", "attention_norm.": "norm1.", "feed_forward_norm.": "norm2.", "blocks.": "layers."}
    weights = {}
    for name, weight in model.hidden.state_dict().items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)  # noqa: PLW2901
        weights[name] = weight
    twin.load_state_dict(weights)
    return twin


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("non_linearity", ["gelu", "relu"])
def test_blocks_are_torchs_encoder_layers(norm, non_linearity) -> None:
    model = Case("transformer", transformer(norm=norm, activation=non_linearity)).build()
    for parameter in model.hidden.parameters():  # norms and biases too must differ from 1 and 0
        nn.init.normal_(parameter, 0.1, 0.3)
    twin, x = torch_twin(model, norm == "pre", non_linearity), torch.randn(3, 7, 8)
    visible = mask(LENGTHS, 7)
    ours, theirs = model.hidden(x, visible), twin(x, src_key_padding_mask=~visible)
    torch.testing.assert_close(ours[visible], theirs[visible], atol=1e-5, rtol=1e-4)


def test_causal_blocks_are_torchs_with_a_causal_mask() -> None:
    model = Case("transformer", transformer(causal=True)).build()
    twin, x = torch_twin(model, True, "gelu"), torch.randn(3, 7, 8)
    expected = twin(x, mask=nn.Transformer.generate_square_subsequent_mask(7), is_causal=True)
    torch.testing.assert_close(model.hidden(x), expected, atol=1e-5, rtol=1e-4)


def test_sinusoids_by_hand() -> None:
    table = sinusoids(51, 6)
    for position, column in ((0, 0), (0, 1), (1, 0), (50, 2), (50, 3), (7, 5)):
        angle = position / 10_000 ** (2 * (column // 2) / 6)
        expected = math.sin(angle) if column % 2 == 0 else math.cos(angle)
        assert table[position, column].item() == pytest.approx(expected, abs=2e-5)
    assert sinusoids(4, 5).shape == (4, 5)


def test_sinusoidal_positions_are_added_to_scaled_embeddings() -> None:
    embedding = Case("transformer", transformer()).build().embedding
    tokens = torch.tensor([[3, 9]])
    expected = embedding.words.tokens.weight[tokens] * math.sqrt(8) + sinusoids(2, 8)
    torch.testing.assert_close(embedding(tokens), expected)


def test_rotary_turns_by_hand() -> None:
    turned = Rotary(3, 4)(torch.tensor([1.0, 0.0, 0.0, 1.0]).expand(1, 1, 3, 4))[0, 0]
    slow = 2 / 10_000 ** (2 / 4)  # the second pair, at position 2
    torch.testing.assert_close(turned[2], torch.tensor([math.cos(2), -math.sin(slow), math.sin(2), math.cos(slow)]))


def test_rotary_products_depend_on_distance_alone() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(6), torch.randn(6)
    turn = Rotary(40, 6)
    queries, keys = (turn(vector.expand(1, 1, 40, 6))[0, 0] for vector in (query, key))
    products = queries @ keys.T
    for distance in (-9, 0, 5):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(queries.norm(dim=1), query.norm().expand(40))
    torch.testing.assert_close(products[0, 0], query @ key)


def test_relative_positions_share_buckets_by_hand() -> None:
    buckets = RelativePositions(200, 2, causal=True).buckets
    distances = {0: 0, 1: 1, 15: 15, 16: 16, 20: 17, 127: 31, 128: 31, 199: 31, -1: 0, -199: 0}  # from the query back to the key
    assert {distance: buckets[199 - distance].item() for distance in distances} == distances
    both = RelativePositions(200, 2, causal=False).buckets
    distances = {0: 0, 1: 1, 7: 7, 8: 8, 199: 15, -1: 17, -7: 23, -8: 24, -199: 31}
    assert {distance: both[199 - distance].item() for distance in distances} == distances


def test_relative_positions_are_added_to_the_scores() -> None:
    torch.manual_seed(0)
    relative, attention, x = RelativePositions(9, 2, causal=True), SelfAttention(4, 2, causal=True), torch.randn(1, 5, 4)
    nn.init.normal_(relative.biases.weight)
    query, key, value = (part.view(5, 2, 2).transpose(0, 1) for part in attention.qkv(x)[0].chunk(3, dim=1))
    added = torch.stack([relative.biases.weight[[max(0, i - j) for j in range(5)]].T for i in range(5)], dim=1)  # (2, 5, 5)
    scores = query @ key.transpose(1, 2) / math.sqrt(2) + added + torch.full((5, 5), float("-inf")).triu(1)
    expected = attention.out((scores.softmax(dim=2) @ value).transpose(0, 1).flatten(1))
    torch.testing.assert_close(attention(x, by_distance=relative(5, 5))[0], expected)
    torch.testing.assert_close(relative(2, 5), relative(5, 5)[:, 3:])


def test_shared_keys_are_repeated_for_their_queries() -> None:
    torch.manual_seed(0)
    few, many, x = SelfAttention(8, 4, n_kv_heads=2), SelfAttention(8, 4), torch.randn(2, 5, 8)
    query, *others = few.qkv.weight.split(few.sizes)
    repeated = [each.view(2, 2, 8).repeat_interleave(2, dim=0).reshape(8, 8) for each in others]
    many.qkv.weight.data, many.out = torch.cat([query, *repeated]), few.out
    many.qkv.bias.data.zero_()
    few.qkv.bias.data.zero_()
    torch.testing.assert_close(few(x), many(x))


def test_a_gated_layer_by_hand() -> None:
    layer, x = FeedForward(4, 6, "silu", gated=True, bias=False), torch.randn(2, 3, 4)
    gate, up = layer.wide.weight.chunk(2)
    torch.testing.assert_close(layer(x), (functional.silu(x @ gate.T) * (x @ up.T)) @ layer.out.weight.T)


def test_dropout_of_attention_weights_zeroes_and_scales_them_while_training() -> None:
    torch.manual_seed(0)
    attention, x = SelfAttention(4, 1, dropout=0.5), torch.randn(1, 6, 4)
    attention.out = nn.Identity()
    exact = attention.eval()(x)
    drawn = torch.stack([attention.train()(x) for _ in range(4_000)])
    assert drawn.std(dim=0).min() > 0.01
    torch.testing.assert_close(drawn.mean(dim=0), exact, atol=0.05, rtol=0)


@pytest.mark.parametrize("model", [
    Case("encoder", transformer(attention_dropout=0.3)),
    Case("decoder", transformer(attention_dropout=0.3, causal=True, positions="relative"), WORDS),
], ids=lambda case: case.name)
def test_attention_dropout_reaches_every_block_in_training_alone(model: Case) -> None:
    network = model.build()
    assert [module.dropout for module in network.modules() if isinstance(module, SelfAttention)] == [0.3, 0.3]
    inputs = tensors_for(model, some_texts(3))
    assert not torch.equal(network.train()(**inputs), network(**inputs))
    assert torch.equal(network.eval()(**inputs), network(**inputs))


def test_shared_layers_are_one_block_applied_n_times() -> None:
    shared, apart = (Case("t", transformer(n_layers=3, share_layers=share)).build().eval() for share in (True, False))
    for block in apart.hidden.blocks:
        block.load_state_dict(shared.hidden.blocks[0].state_dict())
    x = torch.randn(2, 5, 8)
    torch.testing.assert_close(shared.hidden(x), apart.hidden(x))


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", "relative"])
def test_longer_texts_are_read_up_to_max_positions(positions) -> None:
    case = Case("transformer", transformer(positions=positions, max_positions=6))
    model, long = case.build(), some_texts(4)
    full, cut = (model.scores(**inputs_for(case, texts)) for texts in (long, [text[:6] for text in long]))
    np.testing.assert_allclose(full, cut, atol=1e-6)


def test_segments_are_reported_apart_and_default_to_the_first() -> None:
    case = Case("transformer", transformer(n_segments=2))
    model, inputs = case.build().eval(), tensors_for(case, some_texts(3))
    zeros = torch.zeros_like(inputs["tokens"])
    torch.testing.assert_close(model(**inputs), model(**inputs, segments=zeros))
    assert not torch.allclose(model(**inputs), model(**inputs, segments=zeros + 1))


def test_tied_output_is_the_embedding() -> None:
    model = Case("transformer", transformer(), WORDS).build()
    assert model.output.scores.weight is model.embedding.words.tokens.weight


# MLP


def dense_counts(texts, weighted: bool) -> torch.Tensor:
    """Each text as a vector over the vocabulary; `inputs_for` weighs token t by t / N_TOKENS."""
    counts = np.stack([np.bincount(text, minlength=N_TOKENS) for text in texts]).astype(np.float32)
    return torch.from_numpy(counts * (np.arange(N_TOKENS, dtype=np.float32) / N_TOKENS if weighted else 1))


@pytest.mark.parametrize("weighted", [False, True])
def test_a_sparse_layer_is_the_dense_one(weighted: bool) -> None:
    torch.manual_seed(0)
    sparse, dense, texts = SparseLinear(N_TOKENS, 5), nn.Linear(N_TOKENS, 5), some_texts(6)
    dense.load_state_dict({"weight": sparse.weight.T, "bias": sparse.bias})
    inputs = tensors_for(Case("mlp", mlp()), texts)
    inputs["weights"] = inputs["weights"] if weighted else None
    ours, theirs = sparse(**inputs), dense(dense_counts(texts, weighted))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    torch.testing.assert_close(sparse.weight.grad, dense.weight.grad.T, atol=1e-4, rtol=1e-4)


def test_a_sparse_layer_starts_as_a_dense_one_does() -> None:
    torch.manual_seed(0)
    sparse, dense = SparseLinear(400, 50), nn.Linear(400, 50)
    assert sparse.weight.abs().max().item() == pytest.approx(dense.weight.abs().max().item(), rel=0.01)
    assert sparse.weight.std().item() == pytest.approx(dense.weight.std().item(), rel=0.02)


def test_mlp_is_a_chain_of_dense_layers() -> None:
    model = Case("mlp", mlp(hidden_sizes=[16, 8], activation="tanh")).build()
    texts = some_texts(5)
    x = dense_counts(texts, weighted=True) @ model.embedding.weight + model.embedding.bias
    linear = [module for module in model.hidden if isinstance(module, nn.Linear)]
    x = linear[0](torch.tanh(x)).tanh()
    torch.testing.assert_close(model(**tensors_for(Case("mlp", mlp()), texts)), model.output(x), atol=1e-5, rtol=1e-4)


def test_averaged_embeddings_are_the_mean_and_zero_for_an_empty_bag() -> None:
    model = Case("mlp", mlp(d_embedding=8)).build()
    tokens, starts = torch.tensor([3, 5, 5, 9], dtype=torch.int32), torch.tensor([0, 3, 3], dtype=torch.int32)
    table = model.embedding.bag.weight
    expected = torch.stack([table[[3, 5, 5]].mean(0), torch.zeros(8), table[9]])
    torch.testing.assert_close(model.embedding(tokens=tokens, starts=starts), expected)
    with pytest.raises(ValueError, match="without weights"):
        model.embedding(tokens=tokens, starts=starts, weights=torch.ones(4))


@pytest.mark.parametrize("d_embedding", [None, 8])
def test_empty_texts_can_be_scored(d_embedding) -> None:
    model = Case("mlp", mlp(d_embedding=d_embedding, hidden_sizes=[4])).build()
    starts, none = np.zeros(3, dtype=np.int32), np.zeros(0, dtype=np.int32)
    assert np.isfinite(model.scores(tokens=none, starts=starts, weights=None)).all()


def test_vectors_go_through_dense_layers() -> None:
    model = Case("mlp", mlp(input="vector", hidden_sizes=[3], activation="relu")).build()
    x = torch.randn(2, N_FEATURES)
    torch.testing.assert_close(model(vectors=x), model.output(functional.relu(model.hidden[0](x))))


# Small layers, by finite differences in double precision


def numbers(*shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    "layer", [AttentionPooling(4), MeanPooling(), MaxPooling(), LastPooling()], ids=lambda layer: type(layer).__name__
)
def test_gradients_of_poolings(layer: nn.Module) -> None:
    assert torch.autograd.gradcheck(lambda x: layer.double()(x, LENGTHS), numbers(3, 7, 4))


@pytest.mark.parametrize("layer", [
    Convolutions(4, [1, 3], 2), SelfAttention(4, 2), SelfAttention(4, 2, causal=True), SelfAttention(4, 2, rotary=Rotary(7, 2)),
    Rotary(7, 4), SelfAttention(4, 2, n_kv_heads=1, bias=False), FeedForward(4, 5, "silu", gated=True),
], ids=lambda layer: type(layer).__name__)
def test_gradients_of_layers(layer: nn.Module) -> None:
    x = numbers(2, 5, 4) if not isinstance(layer, Rotary) else numbers(1, 2, 5, 4)
    assert torch.autograd.gradcheck(layer.double(), x)


def test_gradients_of_a_recurrent_encoder() -> None:
    encoder = RecurrentEncoder(nn.GRU, 3, 2, 2, True, 0.0).double()
    assert torch.autograd.gradcheck(lambda x: encoder(x, LENGTHS), numbers(3, 7, 3))


def test_attention_pooling_weighs_real_tokens_alone() -> None:
    weights = AttentionPooling(4).weights(torch.randn(3, 7, 4), LENGTHS)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert not weights[~mask(LENGTHS, 7)].any()
