"""Optimizers: each equals its update rule, written out independently with nothing in place."""

import numpy as np
import pytest

from model.optimizers import OPTIMIZERS

DECAYED, SIZE, RATE, MOMENTUM = 4, 6, 0.07, 0.8


def sgd(p, g, memory, t):
    return p - RATE * g


def momentum(p, g, memory, t):
    memory["v"] = MOMENTUM * memory.get("v", 0) + g
    return p - RATE * memory["v"]


def nesterov(p, g, memory, t):
    memory["v"] = MOMENTUM * memory.get("v", 0) + g
    return p - RATE * (g + MOMENTUM * memory["v"])


def rmsprop(p, g, memory, t):
    memory["v"] = 0.9 * memory.get("v", 0) + 0.1 * g**2
    return p - RATE * g / (np.sqrt(memory["v"]) + 1e-8)


def adam(p, g, memory, t):
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["v"] = 0.999 * memory.get("v", 0) + 0.001 * g**2
    m, v = memory["m"] / (1 - 0.9**t), memory["v"] / (1 - 0.999**t)
    return p - RATE * m / (np.sqrt(v) + 1e-8)


RULES = {"sgd": sgd, "momentum": momentum, "nesterov": nesterov, "rmsprop": rmsprop, "adam": adam, "adamw": adam}


@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_follows_its_update_rule(name, weight_decay):
    random = np.random.default_rng(0)
    parameters = random.normal(0, 1, SIZE)
    optimizer = OPTIMIZERS[name](SIZE, decayed=DECAYED, weight_decay=weight_decay, momentum=MOMENTUM, dtype=np.float64)
    expected, memory = parameters.copy(), {}
    decays = np.arange(SIZE) < DECAYED
    for t in range(1, 41):
        gradients = random.normal(0, 1, SIZE)
        if name == "adamw":
            expected = np.where(decays, expected * (1 - RATE * weight_decay), expected)
            expected = RULES[name](expected, gradients, memory, t)
        else:
            expected = RULES[name](expected, gradients + weight_decay * decays * expected, memory, t)
        optimizer.step(parameters, gradients.copy(), RATE, t)
        np.testing.assert_allclose(parameters, expected, rtol=1e-9, atol=1e-12)
