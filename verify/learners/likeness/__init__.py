"""How alike a model and an algorithm are, by the papers' measures and as their codes have it."""
