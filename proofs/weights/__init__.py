"""Weights of parts that the calculus does not run: ReLU and GeLU MLPs, softmax heads."""
