"""From trained weights of linear self-attention to a claim that is proved: `witness snap`.

read       the weights, as one polynomial in the moments of the examples: no gauge is left in it
reach      which coefficients of a layer can reach a prediction
algorithms what the layers may be: gradient descent, GD++, preconditioned descent
simplest   the simplest fraction in an interval
choose     the simplest algorithm that is near enough, its rates rounded; how far off it is, proved
claim_file what is found, as a Python file for `witness check`
"""
