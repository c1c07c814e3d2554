"""Layers: one file for each kind."""

from model.layers.activations import ACTIVATIONS, GELU, Activation, LeakyReLU, ReLU, Sigmoid, Tanh
from model.layers.convolution import Conv2D
from model.layers.dense import Dense
from model.layers.dropout import Dropout
from model.layers.flatten import Flatten
from model.layers.layer import STATISTICS, Layer, Shape, bind, check_neighbours, named, parameter_shapes
from model.layers.normalization import BatchNorm
from model.layers.pooling import AveragePool2D, MaxPool2D
from model.layers.residual import Residual

__all__ = [
    "ACTIVATIONS",
    "GELU",
    "STATISTICS",
    "Activation",
    "AveragePool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "MaxPool2D",
    "ReLU",
    "Residual",
    "Shape",
    "Sigmoid",
    "Tanh",
    "bind",
    "check_neighbours",
    "named",
    "parameter_shapes",
]
