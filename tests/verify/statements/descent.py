"""For every eps: ridge regression within eps on every prompt of a region, by gradient descent."""

from fractions import Fraction

import constructions
from constructions.numbers.reals import valued
from verify import Promise, claim
from verify.statements import for_every, on_eigenvalues
from verify.strategies import grid

WHERE = {"kappa": "(beta + lam)/(alpha + lam)"}
DEPTH = "ceil(kappa*log(B/eps))"


def descent(d, eps, **constants):
    """Gradient descent on the mean loss, of the depth that eps asks for."""
    steps = valued(DEPTH, {"eps": eps, **constants}, WHERE)
    rate = 1 / (constants["beta"] + constants["lam"])
    return constructions.build("gradient_descent", d=d, steps=int(steps), step_size=rate,
                               ridge=constants["lam"], loss="mean")  # fmt: skip


@claim("every.eps", statement="|error| <= eps in ceil(kappa log(B/eps)) layers",
       expected="approximates")  # fmt: skip
def every_eps():
    over = grid(d=[2], eps=[Fraction(1, 4), Fraction(1, 20)], alpha=[Fraction(1, 2), Fraction(1)],
                beta=[Fraction(2)], lam=[Fraction(1, 2)], B=[1])  # fmt: skip
    within = on_eigenvalues("1/(s + lam)", "alpha", "beta", "B", mean=True)
    promises = (Promise("layers", DEPTH, "<="), Promise("heads", "1", "="),
                Promise("norm", "5 + 2/(beta + lam)", "<="))  # fmt: skip
    return for_every(descent, promises, over, "eps", WHERE, certificate=within)
