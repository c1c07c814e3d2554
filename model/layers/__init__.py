"""Layers: one small file per kind."""

from model.layers.activations import ACTIVATIONS, GELU, Activation, LeakyReLU, ReLU, Sigmoid, Tanh
from model.layers.dense import Dense
from model.layers.dropout import Dropout
from model.layers.layer import Layer

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "Activation",
    "Dense",
    "Dropout",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Sigmoid",
    "Tanh",
]
