"""Exports that read token ids: a bound for every text, of what the language model says of it."""
