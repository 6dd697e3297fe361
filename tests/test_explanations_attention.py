"""Attention as an explanation: against what is worked by hand, and against what the layers compute."""

import numpy as np
import pytest
import torch
from contracts import NETWORKS, inputs_for, one_thread, some_texts
from nlp.analysis.explanations.attention import Looks, attends, attends_in_layers, attention, attention_rollout, rolled_out
from nlp.configs.schema.models.networks import CnnConfig, RecurrentConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.models.head import Head
from nlp.models.layers.pooling import pooling
from nlp.models.networks.cnn import Cnn
from nlp.models.networks.recurrent import Recurrent
from nlp.models.networks.transformer import Transformer

__all__ = ["one_thread"]

HEAD = Head("classes", 3, ("a", "b", "c"))
CASES = [case for case in NETWORKS if case.config.type == "transformer" and case.head is not None and case.head.kind == "classes"]
TOKENS = np.array([[8, 9, 8, 11, 15]], dtype=np.int32)
transformers = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def text(padding=0):
    return {"tokens": np.pad(TOKENS, ((0, 0), (0, padding))), "lengths": np.array([5])}


def transformer(**keys):
    torch.manual_seed(3)
    config = {"type": "transformer", "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 16, **keys}
    return Transformer(TransformerConfig.model_validate(config), 20, None, HEAD)


def test_rollout_of_two_layers_by_hand():
    """[.5 .5] through half of the upper layer, [[.75 .25] [0 1]], is [.375 .625]; through half of the lower, all .5, it is [.5 .5]."""
    lower, upper = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(rolled_out(Looks(np.array([0.5, 0.5]), [lower, upper])), [0.5, 0.5])
    np.testing.assert_allclose(rolled_out(Looks(np.array([1.0, 0.0]), [upper, lower])), [0.375, 0.625])


@transformers
def test_weights_mix_values_as_forward_does(case):
    model = case.build().eval()
    layer, x = model.hidden.blocks[0].attention, torch.randn(2, 7, model.config.d_model)
    visible, by_distance = torch.arange(7) < torch.tensor([[7], [4]]), model.hidden.by_distance(7, 7)
    weights, value = layer.weights(x, visible, by_distance), layer._heads(x)[2]
    mixed = layer._joined(weights @ value.repeat_interleave(weights.shape[1] // value.shape[1], dim=1))
    real = visible if not layer.causal else torch.ones_like(visible)
    torch.testing.assert_close(mixed[real], layer(x, visible, by_distance)[real])


@transformers
@pytest.mark.parametrize("method", [attention, attention_rollout])
def test_every_token_has_a_share_of_1(case, method):
    model = case.build()
    for each in some_texts(3):
        found = method(model, inputs_for(case, [each]))
        assert found.shape == (len(each),) and found.min() >= 0
        assert found.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("how", ["mean", "max", "cls"])
def test_padding_changes_nothing(how):
    model = transformer(pooling=how).train()
    for method in (attention, attention_rollout):
        np.testing.assert_allclose(method(model, text(padding=4)), method(model, text()), atol=1e-6)
    assert model.training


def test_attention_with_cls_is_its_row_of_the_last_layer():
    model = transformer(pooling="cls").eval()
    x = model.embedding(torch.from_numpy(TOKENS))
    last = model.hidden.blocks[1]
    states = model.hidden.blocks[0](x)
    row = last.attention.weights(last.attention_norm(states) if last.pre else states).mean(dim=1)[0, 0]
    np.testing.assert_allclose(attention(model, text()), row.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("how", ["mean", "cls", "last", "attention"])
def test_weights_of_a_pooling_are_what_it_adds_up(how):
    layer, states, lengths = pooling(how, 6), torch.randn(3, 5, 6), torch.tensor([5, 2, 1])
    weights = layer.weights(states, lengths)
    torch.testing.assert_close((weights.unsqueeze(2) * states).sum(dim=1), layer(states, lengths))


def test_weights_of_a_maximum_are_where_the_features_come_from():
    states = torch.tensor([[[1.0, 5.0, 0.0, 2.0], [3.0, 1.0, 1.0, 0.0], [9.0, 9.0, 9.0, 9.0]]])
    assert pooling("max", 4).weights(states, torch.tensor([2])).tolist() == [[0.5, 0.5, 0]]


def test_what_is_beyond_the_last_position_has_no_share():
    found = attention_rollout(transformer(max_positions=3), text())
    assert found.shape == (5,) and found[:3].sum() == pytest.approx(1) and not found[3:].any()


def test_attention_pooling_of_a_recurrent_network():
    model = Recurrent(RecurrentConfig(type="gru", d_embedding=8, hidden_size=8, pooling="attention"), 20, None, HEAD).eval()
    lengths = torch.tensor([5])
    weights = model.output.pooling.weights(model.encode(torch.from_numpy(TOKENS), lengths), lengths)[0]
    np.testing.assert_allclose(attention(model, text()), weights.detach().numpy(), atol=1e-6)
    assert attends(model) and not attends_in_layers(model)
    assert not attends(Cnn(CnnConfig(type="cnn", d_embedding=8, n_filters=6, filter_widths=[2]), 20, None, HEAD))
