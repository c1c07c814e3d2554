"""Optimizers: they change the parameters by a step computed from the gradients, in place.

Weight decay (L2) acts on the first `decayed` parameters, the weights W, and not on biases. AdamW
shrinks the weights directly; the others add weight_decay * W to the gradient.
"""

import numpy as np
import numpy.typing as npt

from model.arrays import Floats


class Optimizer:
    """Base class of optimizers.

    `state` holds the arrays that an exact resume needs. `t` counts steps from 1.
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self, size: int, *, decayed: int, weight_decay: float, momentum: float, dtype: npt.DTypeLike = np.float32
    ) -> None:
        self.decayed, self.weight_decay, self.momentum = decayed, weight_decay, momentum
        self.state: dict[str, Floats] = {slot: np.zeros(size, dtype) for slot in self.slots}
        self._work: Floats = np.empty(size, dtype)

    def step(self, parameters: Floats, gradients: Floats, learning_rate: float, t: int) -> None:
        """Change `parameters` by one step; overwrites `gradients`."""
        self.decay(parameters, gradients, learning_rate)
        self.update(parameters, gradients, learning_rate, t)

    def decay(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        """Apply weight decay, before `update`."""
        if self.weight_decay:
            work = np.multiply(parameters[: self.decayed], self.weight_decay, out=self._work[: self.decayed])
            gradients[: self.decayed] += work

    def update(self, parameters: Floats, gradients: Floats, learning_rate: float, t: int) -> None:
        """Change `parameters` by the rule of this optimizer."""
        raise NotImplementedError


class SGD(Optimizer):
    """p -= learning_rate * g."""

    def update(self, parameters: Floats, gradients: Floats, learning_rate: float, t: int) -> None:
        # in place: two arrays fit into the processor's cache, three do not
        gradients *= learning_rate
        parameters -= gradients


class Momentum(Optimizer):
    """v = momentum * v + g;  p -= learning_rate * v."""

    slots = ("velocity",)

    def update(self, parameters: Floats, gradients: Floats, learning_rate: float, t: int) -> None:
        velocity = self.state["velocity"]
        velocity *= self.momentum
        velocity += gradients
        parameters -= np.multiply(velocity, learning_rate, out=self._work)


class Nesterov(Optimizer):
    """v = momentum * v + g;  p -= learning_rate * (g + momentum * v) (Sutskever et al. 2013)."""

    slots = ("velocity",)

    def update(self, parameters: Floats, gradients: Floats, learning_rate: float, t: int) -> None:
        velocity, work = self.state["velocity"], self._work
        velocity *= self.momentum
        velocity += gradients
        np.multiply(velocity, self.momentum, out=work)
        work += gradients
        work *= learning_rate
        parameters -= work


class RMSprop(Optimizer):
    """v = 0.9 v + 0.1 g^2;  p -= learning_rate * g / (sqrt(v) + 1e-8)  (Hinton 2012)."""

    slots = ("square",)
    rho, epsilon = 0.9, 1e-8

    def update(self, parameters: Floats, gradients: Floats, learning_rate: float, t: int) -> None:
        square, work = self.state["square"], self._work
        np.multiply(gradients, gradients, out=work)
        work *= 1.0 - self.rho
        square *= self.rho
        square += work
        np.sqrt(square, out=work)
        work += self.epsilon
        np.divide(gradients, work, out=work)
        work *= learning_rate
        parameters -= work


class Adam(Optimizer):
    """m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2;  p -= learning_rate * m' / (sqrt(v') + 1e-8).

    m' and v' are m and v corrected for their start at zero (Kingma and Ba 2014). `mean` holds
    m / 0.1 and `square` v / 0.001: two numbers then contain these factors and both corrections,
    and a step is only ten passes over the arrays.
    """

    slots = ("mean", "square")
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8

    def update(self, parameters: Floats, gradients: Floats, learning_rate: float, t: int) -> None:
        mean, square, work = self.state["mean"], self.state["square"], gradients
        mean_scale = (1.0 - self.beta1) / (1.0 - self.beta1**t)
        root_scale = ((1.0 - self.beta2) / (1.0 - self.beta2**t)) ** 0.5
        mean *= self.beta1
        mean += gradients
        square *= self.beta2
        square += np.multiply(gradients, gradients, out=gradients)
        np.sqrt(square, out=work)
        work += self.epsilon / root_scale
        np.divide(mean, work, out=work)
        work *= learning_rate * mean_scale / root_scale
        parameters -= work


class AdamW(Adam):
    """W -= learning_rate * weight_decay * W, then Adam (Loshchilov and Hutter 2017)."""

    def decay(self, parameters: Floats, gradients: Floats, learning_rate: float) -> None:
        if self.weight_decay:
            parameters[: self.decayed] *= 1.0 - learning_rate * self.weight_decay


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
