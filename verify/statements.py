"""Statements beyond "equals", for claim files: each function makes a claim's check or checks.

    from verify.statements import Regression, n, optimum

    @claim("mine.theorem1", statement="…")
    def theorem1():
        return optimum(layer, lambda d: {"P": …, "Q": …}, Regression())

for_every: weights for every epsilon, their promised resources and error, on a grid.
order: the exact exponent, and the leading coefficient, of an error.
vanishing: a bound C eps^p for every small eps and every prompt of a box.
limit: what a prediction tends to as a constant grows, with a bound for every value of it.
optimum, stationary: of the expected loss on Gaussian regression data, at dimensions d.
optimum_for_every_d, best_layer: for every d at once; among all layers of linear self-attention.
independent_of_order, depends_on_order: whether a prediction knows the order of the examples.
"""

from .checks.analysis.accuracy import Certificate, for_every, on_box, on_eigenvalues
from .checks.analysis.dimensions import best_layer, optimum_for_every_d
from .checks.analysis.exponents import order
from .checks.analysis.limits import limit
from .checks.analysis.losses import Loss, Regression, diagonal, identity, n, symmetric
from .checks.analysis.optimum import optimum, stationary
from .checks.analysis.vanishing import vanishing
from .checks.order import depends_on_order, independent_of_order

__all__ = [
    "Certificate",
    "Loss",
    "Regression",
    "best_layer",
    "depends_on_order",
    "diagonal",
    "for_every",
    "identity",
    "independent_of_order",
    "limit",
    "n",
    "on_box",
    "on_eigenvalues",
    "optimum",
    "optimum_for_every_d",
    "order",
    "stationary",
    "symmetric",
    "vanishing",
]
