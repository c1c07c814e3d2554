"""Pretraining: how the shipped weights are made, from MNIST, pen strokes and drawings that are no digits."""
