"""Layers: their gradients are what numbers say, and their corner cases are what the field expects."""

import numpy as np
import pytest

from model.arrays import Floats
from model.layers import ACTIVATIONS, Dense, Dropout, Layer
from model.losses import CrossEntropy, Loss, SquaredError
from model.network import Network

LABELS = np.array([0, 2, 1, 1, 2])
RNG_SEED = 5


def network_of(*layers: Layer) -> Network:
    network = Network(layers, rows=8, dtype=np.float64)
    network.parameters[:] = np.random.default_rng(0).normal(0, 0.6, network.parameters.size)
    return network


def loss_of(network: Network, loss: Loss, x: Floats) -> float:
    outputs = network.forward(x.copy(), np.random.default_rng(RNG_SEED))
    return float(loss.forward(outputs, LABELS).mean())


def numeric_gradient(function, values: Floats) -> Floats:
    """Central differences of fourth order: their error is far below 1e-6 where 1e-4 is the step."""
    gradient, h = np.empty_like(values), 1e-4
    for index in np.ndindex(values.shape):
        kept = values[index]
        losses = []
        for offset in (-2 * h, -h, h, 2 * h):
            values[index] = kept + offset
            losses.append(function())
        values[index] = kept
        gradient[index] = (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h)
    return gradient


def relative_error(a: Floats, b: Floats) -> float:
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b)))


def stack_of(kind: str) -> list[Layer]:
    if kind == "dense":
        return [Dense(6, 4), Dense(4, 3)]
    if kind == "dropout":
        return [Dense(6, 7), ACTIVATIONS["tanh"](7), Dropout(7, 0.4), Dense(7, 3)]
    activation = ACTIVATIONS[kind]
    return [Dense(6, 5), activation(5), Dense(5, 4), activation(4), Dense(4, 3)]


LOSSES = {"cross-entropy": CrossEntropy(), "smoothed": CrossEntropy(0.2), "squared error": SquaredError()}


@pytest.mark.parametrize("kind", ["dense", "dropout", *ACTIVATIONS])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_by_parameters_and_by_input_is_the_numeric_one(kind, loss):
    network, loss = network_of(*stack_of(kind)), LOSSES[loss]
    x = np.random.default_rng(1).normal(0, 1, (5, 6))
    outputs = network.forward(x.copy(), np.random.default_rng(RNG_SEED))
    loss.forward(outputs, LABELS)
    dy = loss.backward(outputs, LABELS, len(LABELS))
    for layer in reversed(network.layers):
        dy = layer.backward(dy)
    gradients, dx = network.gradients.copy(), dy.copy()

    by_parameters = numeric_gradient(lambda: loss_of(network, loss, x), network.parameters)
    by_input = numeric_gradient(lambda: loss_of(network, loss, x), x)
    assert relative_error(gradients, by_parameters) < 1e-6
    assert relative_error(dx, by_input) < 1e-6


def test_a_dense_layer_is_the_einsum_of_its_weights():
    network = network_of(Dense(6, 3))
    x = np.random.default_rng(1).normal(0, 1, (5, 6))
    weights = network.weights
    expected = np.einsum("ri,iu->ru", x, weights["dense1.W"]) + weights["dense1.b"]
    np.testing.assert_allclose(network.forward(x), expected, rtol=1e-14)


def test_the_first_layer_leaves_out_the_gradient_that_nobody_reads():
    full, lean = network_of(Dense(6, 4), Dense(4, 3)), network_of(Dense(6, 4, first=True), Dense(4, 3))
    x = np.random.default_rng(1).normal(0, 1, (5, 6))
    for network in (full, lean):
        network.backward(network.forward(x).copy())
    np.testing.assert_array_equal(lean.gradients, full.gradients)


def test_dropout_keeps_the_mean_and_does_nothing_when_predicting():
    layer = Dropout(50, 0.3)
    layer.allocate(400, np.float64)
    x = np.ones((400, 50))
    y = layer.forward(x, np.random.default_rng(0))
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert y.mean() == pytest.approx(1.0, abs=0.02)
    assert layer.forward(x, None) is x


def test_a_short_batch_uses_the_head_of_the_buffers_and_equals_itself_alone():
    network = network_of(Dense(6, 4), ACTIVATIONS["relu"](4), Dense(4, 3))
    x = np.random.default_rng(1).normal(0, 1, (8, 6))
    whole = network.forward(x).copy()
    np.testing.assert_allclose(network.forward(x[:3]), whole[:3], rtol=1e-14)


def test_layers_that_do_not_fit_are_refused_by_name():
    with pytest.raises(ValueError, match="dense needs 5 inputs, but dense gives 4"):
        Network([Dense(6, 4), Dense(5, 3)], rows=1)
    with pytest.raises(ValueError, match=r"Dense\(6, 3\) needs \(rows, 6\), got \(2, 7\)"):
        network_of(Dense(6, 3)).forward(np.zeros((2, 7)))


def test_weights_come_first_in_the_flat_buffer_so_that_decay_is_a_slice():
    network = network_of(Dense(6, 4), Dense(4, 3))
    assert network.decayed == 6 * 4 + 4 * 3
    network.parameters[: network.decayed] = 1
    network.parameters[network.decayed :] = 0
    assert all((view == (1 if name.endswith("W") else 0)).all() for name, view in network.weights.items())
