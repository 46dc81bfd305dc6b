"""One example after the other: an inverse that is updated, and what can be made of it."""
