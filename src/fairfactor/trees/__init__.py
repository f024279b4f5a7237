"""Boosted trees as tensors, and their scores as inputs of a network."""
