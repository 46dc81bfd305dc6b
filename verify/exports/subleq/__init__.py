"""SUBLEQ as a GPT-2 whose greedy continuation of a program is its run."""
