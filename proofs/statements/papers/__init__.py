"""Theorems of papers' statements: a module for each paper."""
