"""Trainer: the same every time, exact when resumed, and it notices when training runs away."""

import math

import numpy as np
import pytest

from model import CheckpointError, Diverged, EpochDone, PartDone, StepDone, TrainConfig, build_trainer
from model.build import build_network, rows_at_once
from model.checkpoint import load_checkpoint
from model.losses import CrossEntropy
from model.optimizers import OPTIMIZERS
from tests.made_digits import MadeDigits, made_digits

TRAIN, VALIDATION = made_digits(70), made_digits(30, seed=1)
SMALL = TrainConfig(hidden=(8,), batch_size=16, epochs=4)
EVERYTHING = SMALL.replace(
    hidden=(9, 8), dropout=0.3, weight_decay=0.01, label_smoothing=0.1, shift=1.0, rotation=10.0, patience=3
)
IMAGE_LAYERS = ("conv 3 stride 2", "max-pool", "residual 4", "average-pool")
ON_IMAGES = EVERYTHING.replace(image_layers=IMAGE_LAYERS, batch_norm=True, hidden=(8,), optimizer="adamw")
RESUMED = {optimizer: EVERYTHING.replace(optimizer=optimizer) for optimizer in OPTIMIZERS} | {"on images": ON_IMAGES}


def trained(config, train=TRAIN, validation=VALIDATION):
    trainer = build_trainer(config, train, validation)
    events = list(trainer.train())
    return trainer, events


@pytest.mark.parametrize("image_layers", [(), ("conv 8 stride 2", "max-pool")])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_makes_the_loss_fall(optimizer, image_layers):
    rate = 0.003 if optimizer in ("rmsprop", "adam", "adamw") else 0.05
    config = SMALL.replace(image_layers=image_layers, batch_norm=bool(image_layers), hidden=(32,), epochs=20)
    config = config.replace(optimizer=optimizer, learning_rate=rate, schedule="constant")
    _, events = trained(config)
    checks = [event for event in events if isinstance(event, EpochDone)]
    assert checks[-1].train_loss < 0.5 * checks[0].train_loss
    assert checks[-1].validation_accuracy > 0.8


@pytest.mark.parametrize("config", [EVERYTHING, ON_IMAGES])
def test_same_seed_config_and_data_give_the_same_weights_and_another_seed_others(config):
    first, second = (trained(config)[0].network.parameters for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, trained(config.replace(seed=1))[0].network.parameters)


@pytest.mark.parametrize("name", RESUMED)
def test_stopping_anywhere_and_resuming_equals_never_stopping(name, tmp_path):
    config = RESUMED[name]
    straight, events = trained(config)
    for stop_after in range(0, len(events), 3):  # after steps, mid-epoch, and between a step and its check
        trainer = build_trainer(config, TRAIN, VALIDATION)
        for count, _ in enumerate(trainer.train()):
            if count == stop_after:
                break
        trainer.save(tmp_path / "last.npz")
        resumed = build_trainer(config, TRAIN, VALIDATION)
        resumed.load(tmp_path / "last.npz")
        assert resumed.step == trainer.step
        rest = list(resumed.train())
        np.testing.assert_array_equal(resumed.network.parameters, straight.network.parameters)
        for name, state in straight.optimizer.state.items():
            np.testing.assert_array_equal(resumed.optimizer.state[name], state)
        assert resumed.progress == straight.progress
        if rest:
            assert repr(rest[-1]) == repr(events[-1])


def test_resuming_a_learning_rate_set_by_hand_keeps_it(tmp_path):
    trainer = build_trainer(SMALL, TRAIN, VALIDATION)
    next(trainer.train())
    trainer.learning_rate_override = 0.0123
    trainer.save(tmp_path / "last.npz")
    resumed = build_trainer(SMALL, TRAIN, VALIDATION)
    resumed.load(tmp_path / "last.npz")
    assert next(resumed.train()).learning_rate == 0.0123
    resumed.learning_rate_override = None
    assert next(resumed.train()).learning_rate == SMALL.scheduled_rate(2, 70)


def test_a_new_learning_rate_holds_from_the_next_step_on():
    trainer = build_trainer(SMALL.replace(schedule="constant", learning_rate=0.01), TRAIN, VALIDATION)
    rates = []
    for event in trainer.train():
        if isinstance(event, StepDone):
            rates.append(event.learning_rate)
            if event.step == 3:
                trainer.learning_rate_override = 0.5
            if event.step == 6:
                trainer.learning_rate_override = None
    assert rates[:8] == [0.01] * 3 + [0.5] * 3 + [0.01] * 2


def test_one_step_is_the_gradient_of_the_mean_loss_of_its_batch():
    config = TrainConfig(hidden=(6,), optimizer="sgd", learning_rate=0.1, schedule="constant", batch_size=0, steps=1)
    trainer = build_trainer(config, TRAIN, VALIDATION)
    before = trainer.network.parameters.copy()
    list(trainer.train())
    network = build_network(config, dtype=np.float64)
    network.parameters[:] = before
    outputs = network.forward(TRAIN.images.reshape(70, 784) / 255.0)
    CrossEntropy().forward(outputs, TRAIN.labels)
    network.backward(CrossEntropy().backward(outputs, TRAIN.labels, 70))
    np.testing.assert_allclose(trainer.network.parameters, before - 0.1 * network.gradients, rtol=1e-3, atol=2e-6)


def test_images_that_show_no_digit_count_neither_as_hits_nor_as_misses():
    mixed = MadeDigits(VALIDATION.images, np.where(np.arange(30) < 10, 255, VALIDATION.labels).astype(np.uint8))
    digits = MadeDigits(VALIDATION.images[10:], VALIDATION.labels[10:])
    accuracies = [trained(SMALL, TRAIN, validation)[1][-1].validation_accuracy for validation in (mixed, digits)]
    assert accuracies[0] == accuracies[1] > 0.3


def test_a_batch_in_parts_has_the_gradient_of_the_whole_and_can_be_left_between_them():
    many = made_digits(2500)
    config = TrainConfig(hidden=(), optimizer="sgd", learning_rate=1.0, schedule="constant", batch_size=0, steps=1)
    assert rows_at_once(config) < 2500
    trainer = build_trainer(config, many, VALIDATION)
    before = trainer.network.parameters.copy()
    assert next(trainer.train()) == PartDone()  # left in the middle of the step: nothing has happened
    np.testing.assert_array_equal(trainer.network.parameters, before)
    list(trainer.train())
    x = many.images.reshape(-1, 784) / 255.0
    logits = x @ before[:7840].reshape(784, 10).astype(float)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    slope = x.T @ (probabilities - np.eye(10)[many.labels]) / 2500
    expected = before[:7840].reshape(784, 10) - slope
    np.testing.assert_allclose(trainer.network.weights["dense1.W"], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 16, 69, 70, 0])
def test_every_image_is_seen_once_an_epoch_for_any_batch_size(batch_size):
    trainer, events = trained(SMALL.replace(batch_size=batch_size, epochs=2))
    steps = [event for event in events if isinstance(event, StepDone)]
    assert len(steps) == 2 * trainer.steps_per_epoch == trainer.total_steps
    seen = np.concatenate([trainer._batch_rows(1, index) for index in range(trainer.steps_per_epoch)])
    np.testing.assert_array_equal(np.sort(seen), np.arange(70))
    checks = [event for event in events if isinstance(event, EpochDone)]
    assert [check.epoch for check in checks] == [1, 2]


def test_reports_come_about_four_hundred_times_and_hold_the_means_since_the_last():
    config = TrainConfig(hidden=(), batch_size=1, epochs=20)
    _, events = trained(config)
    steps = [event for event in events if isinstance(event, StepDone)]
    reports = [event for event in steps if event.report]
    assert len(steps) == 1400
    assert 400 <= len(reports) <= 500
    assert all(math.isfinite(event.gradient_norm) for event in reports)


@pytest.mark.parametrize("hidden", [(8,), (64, 32)])
def test_too_high_a_learning_rate_is_noticed_and_a_lower_one_is_suggested(hidden, tmp_path):
    config = SMALL.replace(hidden=hidden, optimizer="sgd", learning_rate=80.0, schedule="constant", epochs=50)
    trainer = build_trainer(config, TRAIN, VALIDATION)
    trainer.save(tmp_path / "last.npz")
    with (
        pytest.raises(Diverged, match="learning rate 80 is too high for this network; try 5"),
        np.errstate(all="ignore"),
    ):
        list(trainer.train())
    assert np.isfinite(load_checkpoint(tmp_path / "last.npz").weights["dense1.W"]).all()


def test_weights_that_hold_no_numbers_are_never_saved(tmp_path):
    trainer = build_trainer(SMALL, TRAIN, VALIDATION)
    trainer.save(tmp_path / "last.npz")
    kept = (tmp_path / "last.npz").read_bytes()
    trainer.network.parameters[0] = np.nan
    trainer.save(tmp_path / "last.npz")
    assert (tmp_path / "last.npz").read_bytes() == kept
    with pytest.raises(Diverged, match="infinite"):
        list(trainer.train())


def test_early_stopping_takes_the_weights_of_the_best_check():
    config = SMALL.replace(hidden=(32,), epochs=60, patience=2, learning_rate=0.02, schedule="constant")
    wrong = MadeDigits(VALIDATION.images, (VALIDATION.labels + 1) % 10)  # what is learnt makes these worse
    trainer = build_trainer(config, TRAIN, wrong)
    at_check = {}
    for event in trainer.train():
        if isinstance(event, StepDone):
            at_check[event.step] = trainer.network.parameters.copy()
    assert trainer.stopped_early
    assert trainer.step < trainer.total_steps
    np.testing.assert_array_equal(trainer.network.parameters, at_check[trainer.progress.best_step])
    assert trainer.best_epoch == trainer.progress.best_step / trainer.steps_per_epoch


def test_without_validation_images_training_works_and_early_stopping_is_refused():
    nothing = made_digits(0)
    trainer, events = trained(SMALL, validation=nothing)
    assert trainer.finished
    assert all(math.isnan(event.validation_loss) for event in events if isinstance(event, EpochDone))
    with pytest.raises(ValueError, match="early stopping needs validation images"):
        build_trainer(SMALL.replace(patience=1), TRAIN, nothing)
    with pytest.raises(ValueError, match="no training images"):
        build_trainer(SMALL, nothing, VALIDATION)


def test_training_can_start_from_another_network_with_the_same_layers():
    first, _ = trained(SMALL)
    start = first.weights_checkpoint()
    second = build_trainer(SMALL.replace(optimizer="sgd", seed=3), TRAIN, VALIDATION, start=start)
    np.testing.assert_array_equal(second.network.parameters, first.network.parameters)
    with pytest.raises(CheckpointError, match=r"784-8-10, this config 784-9-10"):
        build_trainer(SMALL.replace(hidden=(9,)), TRAIN, VALIDATION, start=start)


def test_a_checkpoint_of_another_run_is_not_resumed(tmp_path):
    trainer, _ = trained(SMALL)
    trainer.save(tmp_path / "last.npz")
    trainer.save_weights(tmp_path / "weights.npz")
    with pytest.raises(CheckpointError, match="other settings"):
        build_trainer(SMALL.replace(seed=1), TRAIN, VALIDATION).load(tmp_path / "last.npz")
    with pytest.raises(CheckpointError, match="other data"):
        build_trainer(SMALL, made_digits(60), VALIDATION).load(tmp_path / "last.npz")
    with pytest.raises(CheckpointError, match="weights only"):
        build_trainer(SMALL, TRAIN, VALIDATION).load(tmp_path / "weights.npz")


def test_zero_weights_and_no_hidden_layer_are_allowed():
    trainer, _ = trained(SMALL.replace(hidden=(), initializer="zeros", epochs=20, learning_rate=0.01))
    assert trainer.network.parameters.any()
