"""Witnesses as checkpoints of model classes that others wrote."""
