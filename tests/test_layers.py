"""Layers: gradients equal numeric ones, and corner cases follow the usual definitions."""

import numpy as np
import pytest

from model.arrays import Floats
from model.layers import (
    ACTIVATIONS,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    Residual,
    Shape,
)
from model.losses import CrossEntropy, Loss, SquaredError
from model.network import Network

LABELS = np.array([0, 2, 1, 1, 2])
RNG_SEED = 5


def network_of(*layers: Layer) -> Network:
    network = Network(layers, rows=8, dtype=np.float64)
    network.parameters[:] = np.random.default_rng(0).normal(0, 0.6, network.parameters.size)
    network.parameters[network.learned :] = 1  # a variance is positive
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


def tanh(shape: Shape) -> Layer:
    return ACTIVATIONS["tanh"](shape)


def residual(filters: int) -> Residual:
    out = (6, 6, filters)
    branch = [Conv2D(IMAGE, filters), BatchNorm(out), tanh(out), Conv2D(out, filters), BatchNorm(out)]
    return Residual(branch, [] if out == IMAGE else [Conv2D(IMAGE, filters, 1)], tanh(out))


IMAGE = (6, 6, 2)
OUT = (6, 6, 3)
IMAGE_LAYERS: dict[str, list[Layer]] = {
    "conv": [Conv2D(IMAGE, 3)],
    "conv of one channel": [Conv2D((6, 6, 1), 3)],
    "conv without padding": [Conv2D(IMAGE, 3, 5, padding="valid")],
    "conv with a stride": [Conv2D(IMAGE, 3, stride=2)],
    "conv with a stride that leaves pixels over": [Conv2D((8, 8, 1), 2, stride=3, padding="valid")],
    "conv of single pixels": [Conv2D(IMAGE, 3, 1)],
    "conv without bias": [Conv2D(IMAGE, 3, bias=False)],
    "max-pool": [Conv2D(IMAGE, 3), MaxPool2D(OUT)],
    "max-pool that leaves pixels over": [Conv2D((7, 7, 1), 3), MaxPool2D((7, 7, 3))],
    "max-pool by window": [Conv2D(IMAGE, 3, window=2), MaxPool2D(OUT, input_window=2)],
    "max-pool by large windows": [Conv2D(IMAGE, 3, window=3), MaxPool2D(OUT, 3, input_window=3)],
    "max-pool by windows that do not fit": [Conv2D(IMAGE, 3, window=4), MaxPool2D(OUT, 4)],
    "average-pool": [Conv2D(IMAGE, 3), AveragePool2D(OUT, 3)],
    "norm of images": [Conv2D(IMAGE, 3), BatchNorm(OUT), tanh(OUT)],
    "norm of units": [Dense(6, 5), BatchNorm(5), tanh(5)],
    "residual": [residual(2)],
    "residual with more filters": [residual(3)],
}


LOSSES = {"cross-entropy": CrossEntropy(), "smoothed": CrossEntropy(0.2), "squared error": SquaredError()}


def assert_the_gradient_is_the_numeric_one(layers: list[Layer], loss: Loss) -> None:
    network = network_of(*layers)
    x = np.random.default_rng(1).normal(0, 1, (5, layers[0].inputs))
    outputs = network.forward(x.copy(), np.random.default_rng(RNG_SEED))
    loss.forward(outputs, LABELS)
    dy = loss.backward(outputs, LABELS, len(LABELS))
    for layer in reversed(network.layers):
        dy = layer.backward(dy)
    gradients, dx = network.gradients[: network.learned].copy(), dy.copy()

    by_parameters = numeric_gradient(lambda: loss_of(network, loss, x), network.parameters[: network.learned])
    by_input = numeric_gradient(lambda: loss_of(network, loss, x), x)
    assert relative_error(gradients, by_parameters) < 1e-6
    assert relative_error(dx, by_input) < 1e-6


@pytest.mark.parametrize("kind", ["dense", "dropout", *ACTIVATIONS])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_by_parameters_and_by_input_is_the_numeric_one(kind, loss):
    assert_the_gradient_is_the_numeric_one(stack_of(kind), LOSSES[loss])


@pytest.mark.parametrize("kind", IMAGE_LAYERS)
def test_the_gradient_of_image_layers_by_parameters_and_by_input_is_the_numeric_one(kind):
    layers = IMAGE_LAYERS[kind]
    shape = layers[-1].output_shape
    flatten = [Flatten(shape)] if len(shape) == 3 else []
    assert_the_gradient_is_the_numeric_one([*layers, *flatten, Dense(layers[-1].units, 3)], CrossEntropy())


def test_a_convolution_is_the_correlation_of_the_padded_image_with_each_filter():
    network = network_of(Conv2D(IMAGE, 3, stride=2))
    x = np.random.default_rng(1).normal(0, 1, (4, *IMAGE))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2]
    expected = np.einsum("rhwcij,ijcf->rhwf", patches, network.weights["conv1.W"]) + network.weights["conv1.b"]
    np.testing.assert_allclose(network.forward(x.reshape(4, -1)), expected.reshape(4, -1), rtol=1e-12)


def test_a_convolution_in_blocks_equals_one_in_a_piece(monkeypatch):
    x = np.random.default_rng(1).normal(0, 1, (5, 72))
    answers = []
    for numbers in (1, 2**20):
        monkeypatch.setattr("model.layers.convolution.BLOCK", numbers)
        network = network_of(Conv2D(IMAGE, 3), Flatten(OUT), Dense(108, 3))
        logits = network.forward(x).copy()
        network.backward(logits.copy())
        answers.append(np.concatenate([logits.ravel(), network.gradients]))
    np.testing.assert_allclose(*answers, rtol=1e-12)


@pytest.mark.parametrize("by_window", [False, True])
def test_a_constant_image_gives_one_unit_of_gradient_per_window_to_one_pixel_of_it(by_window):
    layer = MaxPool2D((6, 6, 1), input_window=2 if by_window else 1)
    layer.allocate(1, np.float64)
    layer.forward(np.ones((4, 1, 9, 1) if by_window else (1, 36)), None)
    dx = layer.backward(np.ones((1, 9)))
    windows = dx.reshape(4, 9).T if by_window else dx.reshape(3, 2, 3, 2).transpose(0, 2, 1, 3).reshape(9, 4)
    np.testing.assert_array_equal(np.sort(windows, axis=1), [[0, 0, 0, 1]] * 9)


def test_batch_normalization_follows_the_batches_and_predicts_by_what_it_has_seen():
    network = network_of(BatchNorm(3))
    network.parameters[:] = [1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    x = np.random.default_rng(1).normal(5, 2, (8, 3))
    y = network.forward(x, np.random.default_rng(0))
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-4)
    for _ in range(200):
        network.forward(x, np.random.default_rng(0))
        network.update_statistics(1)
    np.testing.assert_allclose(network.weights["norm1.mean"], x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(network.weights["norm1.variance"], x.var(axis=0, ddof=1), rtol=1e-6)
    expected = (x[:1] - x.mean(axis=0)) / np.sqrt(x.var(axis=0, ddof=1) + 1e-5)
    np.testing.assert_allclose(network.forward(x[:1]), expected, rtol=1e-5)


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


def test_pixels_that_are_empty_in_the_whole_batch_are_left_out_without_a_difference():
    full, lean = network_of(Dense(6, 4), Dense(4, 3)), network_of(Dense(6, 4, first=True), Dense(4, 3))
    for margins in ((0, 6), (2, 5), (1, 4), (3, 3)):  # what one batch leaves out has no gradient left from the last
        x = np.random.default_rng(1).normal(0, 1, (5, 6))
        x[:, : margins[0]] = x[:, margins[1] :] = 0
        outputs = [network.forward(x).copy() for network in (full, lean)]
        np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-13)
        for network in (full, lean):
            network.backward(outputs[0].copy())
        np.testing.assert_allclose(lean.gradients, full.gradients, rtol=1e-13, atol=1e-15)


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
    with pytest.raises(ValueError, match=r"dense needs 108 inputs, but conv gives 6x6x3. Put Flatten between them."):
        Network([Conv2D(IMAGE, 3), Dense(108, 3)], rows=1)
    with pytest.raises(ValueError, match=r"max-pool needs inputs grouped by windows of 1, but conv groups .* of 2\."):
        Network([Conv2D(IMAGE, 3, window=2), MaxPool2D(OUT)], rows=1)
    with pytest.raises(ValueError, match=r"tanh needs inputs grouped by windows of 1, but conv groups .* of 2\."):
        Residual([Conv2D(IMAGE, 3), BatchNorm(OUT), Conv2D(OUT, 3, window=2)], [], ACTIVATIONS["tanh"](OUT))
    with pytest.raises(ValueError, match=r"Dense\(6, 3\) needs \(rows, 6\), got \(2, 7\)"):
        network_of(Dense(6, 3)).forward(np.zeros((2, 7)))


def test_weights_come_first_in_the_flat_buffer_so_that_decay_is_a_slice():
    network = network_of(Dense(6, 4), Dense(4, 3))
    assert network.decayed == 6 * 4 + 4 * 3
    network.parameters[: network.decayed] = 1
    network.parameters[network.decayed :] = 0
    assert all((view == (1 if name.endswith("W") else 0)).all() for name, view in network.weights.items())
