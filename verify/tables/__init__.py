"""A witness on a table: the prompt, what suits it, and what the answer is compared with."""
