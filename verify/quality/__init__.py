"""How good and how fast the verifier is."""
