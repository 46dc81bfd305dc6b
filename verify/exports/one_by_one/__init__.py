"""Bounds for exports of witnesses that read their examples one after the other."""
