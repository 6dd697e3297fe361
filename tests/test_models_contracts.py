"""The contracts of `contracts.py`, kept by every network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from contracts import (
    ENCODERS,
    N_CLASSES,
    N_TOKENS,
    NETWORKS,
    SIZES,
    Case,
    inputs_for,
    loss_of,
    network_classes,
    one_thread,
    parameters_by_hand,
    right_share,
    some_texts,
    tensors_for,
)
from nlp.configs.schema.models.networks import CnnConfig, MlpConfig, RecurrentConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.training.devices import has_bf16
from safetensors.torch import load_model, save_model

__all__ = ["one_thread"]

every_network = pytest.mark.parametrize("case", NETWORKS, ids=lambda case: case.name)
every_encoder = pytest.mark.parametrize("case", ENCODERS, ids=lambda case: case.name)
PADDED = [case for case in NETWORKS if "tokens" in case.config.inputs]
every_padded = pytest.mark.parametrize("case", PADDED, ids=lambda case: case.name)


def test_every_network_of_the_union_has_a_case() -> None:
    assert network_classes() == {type(case.config) for case in NETWORKS}


@every_network
def test_shape_and_type_of_scores(case: Case) -> None:
    texts = some_texts(7)
    scores = case.build().scores(**inputs_for(case, texts))
    assert scores.shape == ((7, 20, case.head.n_outputs) if case.by_token else (7, N_CLASSES))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@every_network
def test_predictions_alone_and_in_a_batch_of_64_agree(case: Case) -> None:
    model, texts = case.build(), some_texts(64)
    together = model.scores(**inputs_for(case, texts))
    for row, text in enumerate(texts[:12]):
        alone = model.scores(**inputs_for(case, [text]))[0]
        expected = together[row][: len(text)] if case.by_token else together[row]
        np.testing.assert_allclose(alone, expected, atol=1e-5, rtol=0)


@every_padded
def test_more_padding_changes_nothing(case: Case) -> None:
    model, texts = case.build(), some_texts(8)
    seq = max(len(text) for text in texts)
    plain, padded = (model.scores(**inputs_for(case, texts, extra)) for extra in (0, 9))
    if case.by_token:
        for row, text in enumerate(texts):
            np.testing.assert_allclose(plain[row, : len(text)], padded[row, : len(text)], atol=1e-5, rtol=0)
        assert padded.shape[1] == seq + 9
    else:
        np.testing.assert_allclose(plain, padded, atol=1e-5, rtol=0)


@every_padded
def test_more_padding_changes_no_gradient(case: Case) -> None:
    texts = some_texts(6)
    gradients = []
    for extra in (0, 5):
        model = case.build()
        scores = model(**tensors_for(case, texts, extra))
        mask = torch.arange(scores.shape[1]) < torch.tensor([len(text) for text in texts])[:, None]
        (scores[mask] if case.by_token else scores).square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for plain, padded in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, padded, atol=1e-4, rtol=1e-4)


@every_padded
def test_the_future_is_seen_only_where_it_may_be(case: Case) -> None:
    model, text = case.build().eval(), some_texts(2)[1]
    other = [*text[:10], *(1 + token % (N_TOKENS - 1) for token in text[10:])]
    seen = 10 if case.reach is None else 10 - case.reach
    states = [model.encode(**tensors_for(case, [one]))[0] for one in (text, other)]
    assert torch.allclose(states[0][:seen], states[1][:seen], atol=1e-6) == (case.reach is not None)
    assert not torch.allclose(states[0][: seen + 1], states[1][: seen + 1], atol=1e-6), "the reach is no shorter than stated"


@every_network
def test_saved_and_loaded_it_predicts_the_same(case: Case, tmp_path) -> None:
    model, other, inputs = case.build(seed=1), case.build(seed=2), inputs_for(case, some_texts(5))
    assert not np.allclose(model.scores(**inputs), other.scores(**inputs))
    save_model(model, str(tmp_path / "model.safetensors"))
    load_model(other, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.scores(**inputs), other.scores(**inputs))


@every_network
def test_one_small_batch_is_learned_by_heart(case: Case) -> None:
    model, texts = case.build(), some_texts(8, seed=3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(400):
        optimizer.zero_grad()
        loss = loss_of(case, model, texts)
        loss.backward()
        optimizer.step()
        if loss < 0.1:
            break
    assert right_share(case, model.eval(), texts) == 1.0


@every_network
def test_every_parameter_gets_a_gradient(case: Case) -> None:
    model = case.build()
    loss_of(case, model, some_texts(16)).backward()
    without = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not without


@every_encoder
def test_the_bare_encoder_gives_one_vector_for_each_text_and_has_no_idle_parameter(case: Case) -> None:
    model = case.build()
    vectors = model(**tensors_for(case, some_texts(6)))
    vectors.square().sum().backward()
    assert vectors.shape[0] == 6
    assert vectors.ndim == 2
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("case", [*NETWORKS, *ENCODERS], ids=lambda case: case.name)
def test_number_of_parameters_by_hand(case: Case) -> None:
    counted = sum(parameter.numel() for parameter in case.build().parameters())
    assert counted == parameters_by_hand(case.config, case.sizes, case.head)


@every_network
def test_same_seed_same_weights_and_same_dropout(case: Case) -> None:
    case = replace(case, config=case.config.model_copy(update={"dropout": 0.3}))
    losses = []
    for _ in range(2):
        model = case.build(seed=5)
        torch.manual_seed(6)
        losses.append(loss_of(case, model, some_texts(8)))
    assert losses[0] == losses[1]
    if case.draws:
        assert loss_of(case, model, some_texts(8)) != losses[0]  # another draw of dropout


@every_network
def test_scores_leave_out_dropout_and_leave_the_mode_as_it_was(case: Case) -> None:
    case = replace(case, config=case.config.model_copy(update={"dropout": 0.5}))
    model, inputs = case.build().train(), inputs_for(case, some_texts(4))
    np.testing.assert_array_equal(model.scores(**inputs), model.scores(**inputs))
    assert model.training
    model.eval().scores(**inputs)
    assert not model.training


@every_network
def test_read_only_arrays_can_be_scored(case: Case) -> None:
    inputs = inputs_for(case, some_texts(3))
    for array in inputs.values():
        if array is not None:
            array.setflags(write=False)
    assert np.isfinite(case.build().scores(**inputs)).all()


@every_network
def test_a_batch_without_rows_gives_zero_gradients(case: Case) -> None:
    model, inputs = case.build(), tensors_for(case, some_texts(2))
    none = {name: None if tensor is None else tensor[:0] for name, tensor in inputs.items()}
    scores = model(**none)
    scores.sum().backward()
    assert len(scores) == 0
    # The scores between tags of a CRF are no part of what a network gives: its loss adds them.
    assert not any(parameter.grad.any() for name, parameter in model.named_parameters() if ".crf." not in name)


@pytest.mark.skipif(not has_bf16("cpu"), reason="a processor without bfloat16 trains in fp32")
@every_network
def test_bfloat16_autocast_stays_close(case: Case) -> None:
    model, inputs = case.build().eval(), tensors_for(case, some_texts(8))
    exact = model(**inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(**inputs).float()
    assert (exact - rough).abs().max() < 0.05 * exact.abs().max() + 0.02


@pytest.mark.parametrize(("config", "size"), [
    (MlpConfig(type="mlp", input="vector"), "n_features"),
    (MlpConfig(type="mlp"), "vocab_size"),
    (CnnConfig(type="cnn"), "vocab_size"),
    (RecurrentConfig(type="gru"), "vocab_size"),
    (TransformerConfig(type="transformer"), "vocab_size"),
])
def test_a_missing_size_is_named(config, size) -> None:
    with pytest.raises(ConfigError, match=rf"data\.{size}"):
        build_model(config, SIZES.model_copy(update={size: None}), Head("classes", 2))


@pytest.mark.parametrize("config", [MlpConfig(type="mlp"), CnnConfig(type="cnn")])
def test_not_every_network_gives_words(config) -> None:
    with pytest.raises(ConfigError, match="language_modeling"):
        build_model(config, SIZES, Head("vocabulary", N_TOKENS))


def test_pieces_without_use_are_refused() -> None:
    with pytest.raises(ConfigError, match="pooler"):
        build_model(TransformerConfig(type="transformer", pooler=True), SIZES, Head("vocabulary", N_TOKENS))
    with pytest.raises(ConfigError, match=r"task: \{type: classification\}"):
        build_model(MlpConfig(type="mlp"), SIZES, None)
    with pytest.raises(ConfigError, match="tie_embeddings"):
        build_model(TransformerConfig(type="transformer"), SIZES, Head("vocabulary", 7, tied=True))
