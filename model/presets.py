"""Presets: named configs of well-known or useful networks."""

from model.config import TrainConfig

PRESETS: dict[str, TrainConfig] = {
    "quick": TrainConfig(),
    "best-mlp": TrainConfig(
        hidden=(512, 256),
        optimizer="adamw",
        learning_rate=0.002,
        weight_decay=0.01,
        label_smoothing=0.1,
        shift=1.0,
        rotation=10.0,
        scale=0.1,
        shear=0.1,
        epochs=15,
    ),
    "cnn": TrainConfig(
        image_layers=("conv 16", "max-pool", "conv 32", "max-pool"),
        batch_norm=True,
        hidden=(64,),
        optimizer="adamw",
        learning_rate=0.004,
        weight_decay=0.05,
        shift=1.0,
        rotation=10.0,
        scale=0.1,
        shear=0.1,
        epochs=12,
    ),
    "full-batch-64": TrainConfig(
        hidden=(64,), optimizer="sgd", learning_rate=0.5, schedule="constant", batch_size=0, steps=500
    ),
    "sigmoid-mse": TrainConfig(
        activation="sigmoid",
        loss="squared-error",
        initializer="xavier",
        optimizer="sgd",
        learning_rate=0.25,
        schedule="constant",
        batch_size=32,
        epochs=30,
    ),
    "relu-256-128": TrainConfig(
        hidden=(256, 128),
        optimizer="sgd",
        learning_rate=0.005,
        schedule="constant",
        weight_decay=1e-4,
        epochs=12,
    ),
    "relu-64-64": TrainConfig(
        hidden=(64, 64),
        optimizer="sgd",
        learning_rate=0.1,
        weight_decay=0.001,
        schedule="constant",
        batch_size=64,
        epochs=20,
    ),
    "relu-128-128-decay": TrainConfig(
        hidden=(128, 128), optimizer="sgd", learning_rate=0.2, schedule="inverse-time", decay=0.5, epochs=4
    ),
}

DESCRIPTIONS: dict[str, str] = {
    "quick": "Two hidden layers, Adam and the one-cycle schedule: a good network in a few seconds.",
    "best-mlp": "Wider layers, trained on shifted, rotated and stretched images: the most accurate dense network.",
    "cnn": "A convolutional network, the same small filters at every position: the most accurate, slower to train.",
    "full-batch-64": "One hidden layer and all images in every step: full-batch gradient descent.",
    "sigmoid-mse": "Sigmoid activations and squared error, as was usual before ReLU and cross-entropy.",
    "relu-256-128": "Mini-batch gradient descent with a small learning rate: still improving at the end.",
    "relu-64-64": "A small network and mini-batch gradient descent with a constant learning rate.",
    "relu-128-128-decay": "Mini-batch gradient descent whose learning rate falls as 1 / (1 + decay x epochs).",
}

DEFAULT_PRESET = "quick"
