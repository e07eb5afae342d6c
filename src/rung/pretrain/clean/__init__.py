"""Cleaning of pre-training texts: a pipeline that says what it did."""

from rung.pretrain.clean.pipeline import REASONS, Cleaning, clean

__all__ = ["REASONS", "Cleaning", "clean"]
