"""Coq's kernel: witnesses as terms, the theories, which theorem speaks of which claim."""
