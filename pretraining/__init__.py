"""Pretraining: makes the shipped weights from MNIST, pen strokes and other drawings."""
