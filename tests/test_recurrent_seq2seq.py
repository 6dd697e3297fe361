"""Recurrent encoder-decoders: each score and each step against arithmetic, and what every encoder-decoder must keep."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from contracts import N_TOKENS, chain, one_thread
from nlp.analysis.counting.parameters import count_parameters
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.networks import RecurrentSeq2SeqConfig
from nlp.configs.schema.tokenizer import BOS, EOS, PAD
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.models.forward_cost import build_without_weights
from nlp.models.head import Head
from nlp.models.layers.alignment import AdditiveScore, DotScore, GeneralScore, weights
from nlp.models.layers.recurrence import CELLS, RecurrentEncoder, advance
from nlp.models.networks.recurrent_seq2seq import RecurrentSeq2Seq
from nlp.training.devices import has_bf16
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

__all__ = ["one_thread"]

N_WORDS = 30
SIZES = SizesData(type="sizes", vocab_size=N_TOKENS, target_vocab_size=N_WORDS)
WORDS, TIED = Head("sequence", N_WORDS), Head("sequence", N_WORDS, tied=True, bias=False)
Inputs = dict[str, Tensor]


def seq2seq(**settings) -> RecurrentSeq2SeqConfig:
    return RecurrentSeq2SeqConfig(type="seq2seq", **{"d_embedding": 8, "hidden_size": 6, **settings})


ATTENTIONS = {
    "none": {"attention": "none"},
    "additive": {"attention": "additive"},
    "dot": {"attention": "dot", "bidirectional": False},
    "general": {"attention": "general"},
    "concat": {"attention": "concat"},
    "dot-fed": {"attention": "dot", "bidirectional": False, "input_feeding": True},
    "general-fed": {"attention": "general", "input_feeding": True},
    "concat-fed": {"attention": "concat", "input_feeding": True},
}
CONFIGS = {f"{cell}-{name}-{n_layers}": seq2seq(cell=cell, n_layers=n_layers, **settings)
           for cell in ("rnn", "lstm", "gru") for name, settings in ATTENTIONS.items() for n_layers in (1, 2)}
every_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
one_for_each_attention = pytest.mark.parametrize("config", [CONFIGS[f"lstm-{name}-2"] for name in ATTENTIONS], ids=ATTENTIONS)


def build(config: RecurrentSeq2SeqConfig, head: Head = WORDS, sizes: SizesData = SIZES, seed: int = 1) -> RecurrentSeq2Seq:
    torch.manual_seed(seed)
    model = build_model(config, sizes, head)
    assert isinstance(model, RecurrentSeq2Seq)
    return model


def some_pairs(n_pairs: int, longest: int = 7, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    """Sources and targets of ordinary tokens; the first source alone is empty, the second is the longest."""
    generator = np.random.default_rng(seed)
    sizes = [(0, 3), (longest, 1), *generator.integers([1, 0], longest + 1, (n_pairs, 2)).tolist()][:n_pairs]
    return [(generator.integers(EOS + 1, N_TOKENS, n).tolist(), generator.integers(EOS + 1, N_WORDS, m).tolist()) for n, m in sizes]


def padded(rows: list[list[int]], extra: int = 0, filling: int = PAD) -> Tensor:
    width = max(len(row) for row in rows) + extra
    return torch.tensor([row + [filling] * (width - len(row)) for row in rows])


def inputs_for(pairs: list[tuple[list[int], list[int]]], extra: int = 0) -> Inputs:
    """As a batch has them; `extra` columns more of padding than the longest source and target need."""
    sources = [[*source, EOS] for source, _ in pairs]
    return {"tokens": padded(sources, extra).int(), "lengths": torch.tensor([len(source) for source in sources]),
            "previous": padded([[BOS, *target] for _, target in pairs], extra).int()}


def targets_for(pairs: list[tuple[list[int], list[int]]]) -> Tensor:
    return padded([[*target, EOS] for _, target in pairs], filling=-1)


def loss_of(model: RecurrentSeq2Seq, pairs: list[tuple[list[int], list[int]]], teacher_forcing: float = 1.0) -> Tensor:
    logits = model(**inputs_for(pairs), teacher_forcing=teacher_forcing)
    return functional.cross_entropy(logits.flatten(0, 1), targets_for(pairs).flatten(), ignore_index=-1)


def step_by_step(model: RecurrentSeq2Seq, inputs: Inputs) -> Tensor:
    """What a search would see on the way along `previous`."""
    (memory, state), logits = model.encode(inputs["tokens"], inputs["lengths"]), []
    for previous in inputs["previous"].split(1, dim=1):
        scores, state = model.step(previous, memory, state)
        logits.append(scores)
    return torch.cat(logits, dim=1)


# Scores


def by_pairs(queries: Tensor, states: Tensor, formula) -> Tensor:
    """(batch, n, src): the formula of one query and one state, for all pairs, each by itself."""
    return torch.stack([torch.stack([torch.stack([formula(query, state) for state in row]) for query in asked])
                        for asked, row in zip(queries, states, strict=True)])


def test_scores_are_their_formulas() -> None:
    torch.manual_seed(0)
    queries, states, same_size = torch.randn(2, 3, 4), torch.randn(2, 5, 6), torch.randn(2, 5, 4)
    dot, general, additive = DotScore(), GeneralScore(4, 6), AdditiveScore(4, 6)
    torch.testing.assert_close(dot(queries, dot.keys(same_size)), by_pairs(queries, same_size, torch.dot))
    expected = by_pairs(queries, states, lambda query, state: query @ (general.key.weight @ state))
    torch.testing.assert_close(general(queries, general.keys(states)), expected)
    both = torch.cat([additive.query.weight, additive.key.weight], dim=1)  # Luong's one matrix
    expected = by_pairs(queries, states, lambda query, state: additive.score.weight[0] @ torch.tanh(both @ torch.cat([query, state])))
    torch.testing.assert_close(additive(queries, additive.keys(states)), expected)


def test_weights_by_hand() -> None:
    scores = torch.tensor([[[0.0, 1.0, 5.0]], [[2.0, 2.0, 2.0]]])
    real = torch.tensor([[True, True, False], [True, True, True]])
    expected = [[[1 / (1 + np.e), np.e / (1 + np.e), 0]], [[1 / 3] * 3]]
    np.testing.assert_allclose(weights(scores, real), expected, atol=1e-6)
    np.testing.assert_allclose(weights(scores, None)[1], expected[1], atol=1e-6)


@pytest.mark.parametrize("score", [DotScore(), GeneralScore(4, 4), AdditiveScore(4, 4)], ids=lambda score: type(score).__name__)
def test_gradients_of_attention(score: nn.Module) -> None:
    torch.manual_seed(0)
    score, real = score.double(), torch.tensor([[True, True, False], [True, True, True]])
    queries, states = (torch.randn(2, n, 4, dtype=torch.float64, requires_grad=True) for n in (2, 3))

    def context(queries: Tensor, states: Tensor) -> Tensor:
        return torch.bmm(weights(score(queries, score.keys(states)), real), states)

    assert torch.autograd.gradcheck(context, (queries, states))


# Recurrent layers


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_layers_end_where_torchs_packed_ones_end(cell, bidirectional) -> None:
    torch.manual_seed(0)
    encoder, x, lengths = RecurrentEncoder(CELLS[cell], 5, 6, 1, bidirectional, 0.0), torch.randn(3, 7, 5), torch.tensor([7, 1, 4])
    twin = CELLS[cell](5, 6, bidirectional=bidirectional, batch_first=True)
    layer, found = encoder.layers[0], {}
    for direction, suffix in ((layer.ahead, ""), (layer.back, "_reverse")):
        found |= {f"{name}{suffix}": weight for name, weight in direction.state_dict().items()} if direction is not None else {}
    twin.load_state_dict(found)
    _, final = twin(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    states, ends = encoder.with_ends(x, lengths)
    torch.testing.assert_close(ends[0], torch.cat(list(final[0] if cell == "lstm" else final), dim=1))
    torch.testing.assert_close(states, encoder(x, lengths))


def test_upper_layers_read_and_end_as_without_their_ends() -> None:
    torch.manual_seed(0)
    encoder, x, lengths = RecurrentEncoder(CELLS["gru"], 5, 6, 3, True, 0.0), torch.randn(3, 7, 5), torch.tensor([7, 1, 4])
    states, ends = encoder.with_ends(x, lengths)
    torch.testing.assert_close(states, encoder(x, lengths))
    assert [end.shape for end in ends] == [(3, 12)] * 3
    torch.testing.assert_close(ends[2], torch.stack([torch.cat([states[row, length - 1, :6], states[row, 0, 6:]])
                                                     for row, length in enumerate(lengths)]))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_one_place_is_a_layer_over_one_place(cell) -> None:
    torch.manual_seed(0)
    layer, x = CELLS[cell](5, 6, batch_first=True), torch.randn(3, 5)
    state = tuple(torch.randn(3, 6) for _ in range(2 if cell == "lstm" else 1))
    complete = tuple(part.unsqueeze(0) for part in state)
    _, expected = layer(x.unsqueeze(1), complete if cell == "lstm" else complete[0])
    for part, other in zip(advance(layer, x, state), expected if cell == "lstm" else [expected], strict=True):
        torch.testing.assert_close(part, other[0])


# One step of the decoder, in numpy


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gru_by_hand(weight: dict[str, np.ndarray], x: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Cho et al. 2014, with torch's order of gates."""
    of_input = np.split(weight["weight_ih_l0"] @ x + weight["bias_ih_l0"], 3)
    of_state = np.split(weight["weight_hh_l0"] @ before + weight["bias_hh_l0"], 3)
    reset, update = (sigmoid(one + other) for one, other in zip(of_input[:2], of_state[:2], strict=True))
    return (1 - update) * np.tanh(of_input[2] + reset * of_state[2]) + update * before


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().astype(np.float64) for name, value in module.state_dict().items()}


def context_by_hand(decoder: dict[str, np.ndarray], query: np.ndarray, states: np.ndarray) -> np.ndarray:
    w, u, v = (decoder[f"context.score.{name}.weight"] for name in ("query", "key", "score"))
    scores = np.array([(v @ np.tanh(w @ query + u @ state))[0] for state in states])
    return np.exp(scores) @ states / np.exp(scores).sum()


@pytest.mark.parametrize("name", ["none", "additive", "concat", "concat-fed"])
def test_places_by_hand(name: str) -> None:
    """Two places of a GRU with one layer: where the context comes from, where it goes, and what the output reads."""
    model, pair = build(CONFIGS[f"gru-{name}-1"]).eval(), some_pairs(2)[1]
    for parameter in model.parameters():  # biases too must differ from 0
        nn.init.normal_(parameter, 0.0, 0.4)
    inputs, decoder, cell = inputs_for([pair]), arrays(model.decoder), arrays(model.decoder.layers.layers[0].ahead)
    with torch.no_grad():
        logits = model(**inputs)[0].numpy()
        states = model.encoder(model.source_embedding(inputs["tokens"]), inputs["lengths"])[0].double().numpy()  # (src, 12)
    end = np.concatenate([states[-1, :6], states[0, 6:]])
    state, vector = np.tanh(decoder["start.0.weight"] @ end + decoder["start.0.bias"]), np.zeros(8)
    for place, token in enumerate(inputs["previous"][0].tolist()):
        x = model.target_embedding.weight[token].detach().double().numpy()
        if name in ("none", "additive"):
            context = end if name == "none" else context_by_hand(decoder, state, states)
            state = gru_by_hand(cell, np.concatenate([x, context]), state)
        else:
            state = gru_by_hand(cell, np.concatenate([x, vector]) if name == "concat-fed" else x, state)
            context = context_by_hand(decoder, state, states)
        vector = np.tanh(decoder["join.weight"] @ np.concatenate([state, context]) + decoder["join.bias"])
        expected = arrays(model.output)["scores.weight"] @ vector + arrays(model.output)["scores.bias"]
        np.testing.assert_allclose(logits[place], expected, atol=1e-4)


def test_both_states_of_an_lstm_start_from_the_last_ones_of_their_own_layer() -> None:
    model, inputs = build(CONFIGS["lstm-additive-2"]).eval(), inputs_for(some_pairs(3))
    _, ends = model.encoder.with_ends(model.source_embedding(inputs["tokens"]), inputs["lengths"])
    _, state = model.encode(inputs["tokens"], inputs["lengths"])
    for number, (start, end) in enumerate(zip(model.decoder.start, ends, strict=True)):
        both = torch.cat([state[f"hidden.{number}"], state[f"cell.{number}"]], dim=2)
        torch.testing.assert_close(both[:, 0], torch.tanh(end @ start.weight.T + start.bias))


def test_additive_attention_looks_with_the_uppermost_state_before() -> None:
    model, inputs = build(CONFIGS["lstm-additive-2"]).eval(), inputs_for(some_pairs(4))
    memory, state = model.encode(inputs["tokens"], inputs["lengths"])
    for place, previous in enumerate(inputs["previous"].split(1, dim=1)):
        expected = weights(model.decoder.context.score(state["hidden.1"], memory["keys"]), memory["real"])
        torch.testing.assert_close(model.alignments(**inputs)[:, [place]], expected)
        _, state = model.step(previous, memory, state)


# What every encoder-decoder must keep


@every_config
def test_step_by_step_as_all_at_once(config) -> None:
    model, inputs = build(config).eval(), inputs_for(some_pairs(6))
    logits = model(**inputs)
    assert logits.shape == (6, inputs["previous"].shape[1], N_WORDS)
    torch.testing.assert_close(step_by_step(model, inputs), logits, atol=1e-5, rtol=1e-4)


@every_config
def test_hypotheses_of_a_sentence_are_each_on_their_own(config) -> None:
    """Two hypotheses with the same prefix, which then swap places: each continues as it would alone."""
    model, inputs = build(config).eval(), inputs_for(some_pairs(4))
    n_sentences = len(inputs["tokens"])
    ways = torch.randint(EOS + 1, N_WORDS, (2, n_sentences, 3), generator=torch.Generator().manual_seed(3))
    alone = [model(**{**inputs, "previous": torch.cat([torch.full((n_sentences, 1), BOS), way], dim=1)}) for way in ways]
    memory, state = model.encode(inputs["tokens"], inputs["lengths"])
    _, state = model.step(torch.full((n_sentences, 1), BOS), memory, state)
    state = {name: part.expand(-1, 2, *part.shape[2:]) for name, part in state.items()}
    order = [0, 1]
    for place in range(3):
        logits, state = model.step(torch.stack([ways[way][:, place] for way in order], dim=1), memory, state)
        for hypothesis, way in enumerate(order):
            torch.testing.assert_close(logits[:, hypothesis], alone[way][:, place + 1], atol=1e-5, rtol=1e-4)
        order, state = order[::-1], {name: part[:, [1, 0]] for name, part in state.items()}


@one_for_each_attention
def test_finished_sentences_can_be_dropped(config) -> None:
    model, inputs = build(config).eval(), inputs_for(some_pairs(5))
    memory, state = model.encode(inputs["tokens"], inputs["lengths"])
    expected, _ = model.step(inputs["previous"][:, :1], memory, state)
    rest = [3, 1]
    memory, state = ({name: part[rest] for name, part in each.items()} for each in (memory, state))
    torch.testing.assert_close(model.step(inputs["previous"][rest, :1], memory, state)[0], expected[rest], atol=1e-5, rtol=1e-4)


@every_config
def test_more_padding_changes_nothing(config) -> None:
    model, pairs = build(config).eval(), some_pairs(6)
    plain, wide = model(**inputs_for(pairs)), model(**inputs_for(pairs, extra=4))
    for row, (source, target) in enumerate(pairs):
        n_places = len(target) + 1
        torch.testing.assert_close(wide[row, :n_places], plain[row, :n_places], atol=1e-5, rtol=1e-4)
        alone = model(**inputs_for([(source, target)]))
        torch.testing.assert_close(alone[0], plain[row, :n_places], atol=1e-5, rtol=1e-4)


@one_for_each_attention
def test_more_padding_changes_no_gradient(config) -> None:
    pairs, gradients = some_pairs(6), []
    for extra in (0, 4):
        model = build(config)
        real = targets_for(pairs) >= 0
        model(**inputs_for(pairs, extra))[:, : real.shape[1]][real].square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for plain, wide in pairwise(gradients):
        torch.testing.assert_close(wide, plain, atol=1e-4, rtol=1e-4)


@every_config
def test_no_place_of_the_target_sees_a_later_one(config) -> None:
    model, inputs = build(config).eval(), inputs_for(some_pairs(4))
    later = inputs["previous"].clone()
    later[:, 2:] = (later[:, 2:] + 5) % N_WORDS
    plain, other = model(**inputs), model(**{**inputs, "previous": later})
    torch.testing.assert_close(other[:, :2], plain[:, :2])
    assert not torch.isclose(other[:, 2:], plain[:, 2:]).all(dim=2).any()


@every_config
def test_alignments_share_one_look_among_the_sources_tokens(config) -> None:
    model, inputs = build(config).eval(), inputs_for(some_pairs(6))
    shares = model.alignments(**inputs)
    if config.attention == "none":
        assert shares is None
        return
    assert shares.shape == (6, inputs["previous"].shape[1], inputs["tokens"].shape[1])
    torch.testing.assert_close(shares.sum(dim=2), torch.ones(shares.shape[:2]))
    real = torch.arange(shares.shape[2]) < inputs["lengths"].unsqueeze(1)
    assert (shares.transpose(1, 2)[~real] == 0).all()
    assert (shares.transpose(1, 2)[real] > 0).all()


@pytest.mark.parametrize("settings", ATTENTIONS.values(), ids=ATTENTIONS)
def test_one_small_batch_is_learned_by_heart(settings) -> None:
    model, pairs = build(seq2seq(d_embedding=16, hidden_size=16, **settings)), some_pairs(6, longest=4, seed=3)
    optimizer, targets = torch.optim.Adam(model.parameters(), lr=0.03), targets_for(pairs)
    for _ in range(400):
        optimizer.zero_grad()
        loss = loss_of(model, pairs)
        loss.backward()
        optimizer.step()
        if loss < 0.05:
            break
    predicted = model.eval()(**inputs_for(pairs)).argmax(dim=2)
    assert (predicted == targets)[targets >= 0].all()


@every_config
def test_every_parameter_gets_a_gradient(config) -> None:
    model = build(config)
    loss_of(model, some_pairs(16)).backward()
    assert not [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]


@one_for_each_attention
def test_saved_and_loaded_it_predicts_the_same(config, tmp_path) -> None:
    model, other, inputs = build(config, TIED).eval(), build(config, TIED, seed=2).eval(), inputs_for(some_pairs(4))
    assert not torch.allclose(model(**inputs), other(**inputs))
    save_model(model, str(tmp_path / "model.safetensors"))
    load_model(other, tmp_path / "model.safetensors")
    assert torch.equal(model(**inputs), other(**inputs))


@one_for_each_attention
def test_a_batch_without_rows_gives_zero_gradients(config) -> None:
    model, inputs = build(config), inputs_for(some_pairs(2))
    for share in (1.0, 0.5):
        logits = model(**{name: tensor[:0] for name, tensor in inputs.items()}, teacher_forcing=share)
        logits.sum().backward()
        assert logits.shape == (0, inputs["previous"].shape[1], N_WORDS)
    assert not any(parameter.grad.any() for parameter in model.parameters())


@pytest.mark.skipif(not has_bf16("cpu"), reason="a processor without bfloat16 trains in fp32")
@every_config
def test_bfloat16_autocast_stays_close(config) -> None:
    model, inputs = build(config).eval(), inputs_for(some_pairs(6))
    exact = model(**inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough, stepped = model(**inputs), step_by_step(model, inputs)
        loss_of(model, some_pairs(6), teacher_forcing=0.5).backward()
    for logits in (rough, stepped):
        assert (exact - logits.float()).abs().max() < 0.05 * exact.abs().max() + 0.02


# Teacher forcing


@every_config
def test_without_forcing_it_reads_its_own_words(config) -> None:
    model, inputs = build(config).eval(), inputs_for(some_pairs(5))
    (memory, state), printed, expected = model.encode(inputs["tokens"], inputs["lengths"]), inputs["previous"][:, :1], []
    for _ in range(inputs["previous"].shape[1]):
        logits, state = model.step(printed, memory, state)
        printed = logits.argmax(dim=2)
        expected.append(logits)
    torch.testing.assert_close(model(**inputs, teacher_forcing=0.0), torch.cat(expected, dim=1), atol=1e-5, rtol=1e-4)


def test_each_token_has_a_coin_of_its_own() -> None:
    model, read = build(seq2seq(attention="none")).eval(), []
    generator = torch.Generator().manual_seed(0)
    inputs = {"tokens": torch.full((200, 2), EOS), "lengths": torch.full((200,), 2),
              "previous": torch.randint(EOS + 1, N_WORDS - 1, (200, 50), generator=generator)}
    with torch.no_grad():
        model.output.scores.bias[N_WORDS - 1] += 100.0  # its own output is always the last word
    model.target_embedding.register_forward_hook(lambda module, tokens, vectors: read.append(tokens[0]))
    torch.manual_seed(0)
    model(**inputs, teacher_forcing=0.7)
    own = torch.cat(read, dim=1) == N_WORDS - 1
    assert not own[:, 0].any()
    assert torch.equal(torch.cat(read, dim=1)[~own], inputs["previous"][~own])
    assert own[:, 1:].float().mean().item() == pytest.approx(0.3, abs=0.02)  # 9,800 draws: more than four standard errors
    for dim in (0, 1):  # neither sentences nor positions are drawn together: their shares vary as those of independent draws
        shares = own[:, 1:].float().mean(dim=dim)
        spread = (0.3 * 0.7 / own[:, 1:].shape[dim]) ** 0.5
        assert shares.std().item() == pytest.approx(spread, rel=0.35)


@one_for_each_attention
def test_half_forced_the_same_seed_gives_the_same(config) -> None:
    model, pairs, losses = build(config.model_copy(update={"dropout": 0.2})), some_pairs(8), []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        losses.append(loss_of(model, pairs, teacher_forcing=0.5))
    assert losses[0] == losses[1] != losses[2]


def test_its_predictions_in_training_are_what_it_then_reads() -> None:
    """Dropout and all: the words read are the most probable of the logits given."""
    model, pairs, read = build(seq2seq(cell="lstm", dropout=0.5)), some_pairs(8), []
    model.target_embedding.register_forward_hook(lambda module, tokens, vectors: read.append(tokens[0]))
    logits = model(**inputs_for(pairs), teacher_forcing=0.0)
    assert torch.equal(torch.cat(read[1:], dim=1), logits.argmax(dim=2)[:, :-1].int())


@one_for_each_attention
@pytest.mark.parametrize("teacher_forcing", [1.0, 0.5])
def test_the_output_reads_with_dropout_only_while_it_trains(config, teacher_forcing) -> None:
    model, read = build(config.model_copy(update={"dropout": 0.5})), []
    model.output.register_forward_pre_hook(lambda module, given: read.append(given[0]))
    for mode in (True, False):
        model.train(mode)(**inputs_for(some_pairs(30)), teacher_forcing=teacher_forcing)
    trained, tested = ((vectors == 0).float().mean().item() for vectors in read)
    assert trained == pytest.approx(0.5, abs=0.06)  # 1,920 draws: more than four standard errors
    assert tested == 0


@one_for_each_attention
def test_gradients_do_not_go_through_the_choice(config) -> None:
    """Where all words are its own, the gradient is that of reading these words as if they had been given."""
    pairs, gradients, inputs = some_pairs(6), [], inputs_for(some_pairs(6))
    targets = targets_for(pairs).flatten()
    for forced in (False, True):
        model = build(config)
        printed = model(**inputs, teacher_forcing=0.0)
        if forced:
            own = torch.cat([inputs["previous"][:, :1], printed.argmax(dim=2)[:, :-1].int()], dim=1)
            printed = model(**{**inputs, "previous": own})
        functional.cross_entropy(printed.flatten(0, 1), targets, ignore_index=-1).backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for own, given in pairwise(gradients):
        torch.testing.assert_close(own, given, atol=1e-5, rtol=1e-3)


def test_source_tokens_are_dropped_only_while_it_trains() -> None:
    model, inputs = build(seq2seq(token_dropout=0.5)), inputs_for(some_pairs(8))
    complete = model.eval()(**inputs)
    torch.testing.assert_close(model(**inputs), complete)
    assert not torch.allclose(model.train()(**inputs), complete)


# Sizes


def parameters_by_hand(config: RecurrentSeq2SeqConfig, head: Head) -> int:
    d, size, layers = config.d_embedding, config.hidden_size, range(config.n_layers)
    gates, directions = {"rnn": 1, "lstm": 4, "gru": 3}[config.cell], 2 if config.bidirectional else 1
    source = directions * size
    beside = source if config.attention in ("none", "additive") else d if config.input_feeding else 0
    recurrent = sum(directions * gates * ((source if layer else d) * size + size * size + 2 * size) for layer in layers)
    recurrent += sum(gates * ((size if layer else d + beside) * size + size * size + 2 * size) for layer in layers)
    starts = config.n_layers * chain([source, size * (2 if config.cell == "lstm" else 1)])
    scores = {"additive": size * size + source * size + size, "concat": size * size + source * size + size, "general": source * size}
    attention = scores.get(config.attention, 0) + chain([size + source, d])
    embeddings = (N_TOKENS if not head.tied_source else 0) * d + N_WORDS * d
    output = (0 if head.tied else d * N_WORDS) + (N_WORDS if head.bias else 0)
    return embeddings + recurrent + starts + attention + output


@every_config
def test_number_of_parameters_by_hand(config) -> None:
    for head in (WORDS, TIED):
        expected = parameters_by_hand(config, head)
        assert build(config, head).describe()["parameters"] == expected
        assert count_parameters(build_without_weights(config, SIZES, head)).total == expected


def test_shared_matrices_are_one_parameter() -> None:
    everything = Head("sequence", N_WORDS, tied=True, tied_source=True)
    model = build(seq2seq(), everything, SIZES.model_copy(update={"vocab_size": N_WORDS, "target_vocab_size": None}))
    assert model.output.scores.weight is model.target_embedding.weight is model.source_embedding.weight
    assert model.describe()["parameters"] == parameters_by_hand(seq2seq(), everything)
    model = build(seq2seq(), TIED)
    assert model.output.scores.weight is model.target_embedding.weight is not model.source_embedding.weight


def test_without_a_size_of_its_own_the_target_has_the_sources() -> None:
    model = build(seq2seq(), Head("sequence", N_TOKENS), SIZES.model_copy(update={"target_vocab_size": None}))
    assert model.target_embedding.num_embeddings == N_TOKENS


def test_what_does_not_fit_is_refused() -> None:
    for head in (None, Head("classes", 3), Head("tags", 3), Head("vocabulary", N_TOKENS)):
        with pytest.raises(ConfigError, match=r"task: \{type: sequence_to_sequence\}"):
            build_model(seq2seq(), SIZES, head)
    with pytest.raises(ConfigError, match=r"data\.vocab_size"):
        build_model(seq2seq(), SIZES.model_copy(update={"vocab_size": None}), WORDS)
    with pytest.raises(ConfigError, match="share_vocabulary"):
        build_model(seq2seq(), SIZES, Head("sequence", N_WORDS, tied=True, tied_source=True))
