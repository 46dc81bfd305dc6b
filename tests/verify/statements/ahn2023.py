"""ahn2023, theorem 1: Z + (1/n) P Z M (ZᵀQZ), M = diag(I_n, 0), and -[Z]_{d+1, n+1} is read."""

import sympy

from constructions import Block, Head, Layer, Prompt, Readout, Witness, layout, slot_map
from verify import claim
from verify.statements import Regression, diagonal, identity, n, optimum, symmetric


def square(name, size):
    return sympy.Matrix(size, size, lambda i, j: sympy.Symbol(f"{name}{i + 1}{j + 1}"))


def layer(d, average="examples"):
    """One layer with every entry of P and Q a letter."""
    P, Q = (square(name, d + 1) for name in "PQ")
    token = slot_map(Block("z", "x", matrix=sympy.eye(d + 1)[:, :d].tolist()), (f"z[{d}]", "y"))
    head = Head(
        query=slot_map(Block("f", "z", matrix=Q.tolist())),
        key=slot_map(("f", "z")),
        value=slot_map(Block("z", "z", matrix=P.tolist())),
        average=average,
    )
    return Witness("ahn2023", layout(z=(d + 1,)), Prompt(d, token), (Layer("attention", (head,)),),
                   Readout(f"z[{d}]", -1))  # fmt: skip


def step(A):
    """P = diag(0, 1), Q = -diag(A, 0): one step of preconditioned descent."""
    d = A.shape[0]
    return {"P": sympy.diag(sympy.zeros(d), 1), "Q": -sympy.diag(A, 0)}


@claim("ahn2023.theorem1", source="ahn2023, theorem 1",
       statement="x ~ N(0, Sigma), w ~ N(0, I): the global minimum is this")  # fmt: skip
def theorem1():
    return optimum(layer, minimum(symmetric("s")), Regression(symmetric("s")), sizes=(1, 2))


def minimum(sigma):
    return lambda d: step(((n + 1) / n * sigma(d) + sigma(d).trace() / n * sympy.eye(d)).inv())


@claim("ahn2023.theorem1.diagonal", statement="Sigma = diag(l): the same, d to 3")
def in_eigenvectors():
    return optimum(layer, minimum(diagonal("l")), Regression(diagonal("l")))


@claim("ahn2023.theorem1.prior", expected="refuted", source="ahn2023, theorem 3's data",
       statement="the same for w ~ N(0, Sigma^-1)")  # fmt: skip
def whitened():
    sigma = diagonal("l")
    return optimum(layer, minimum(sigma), Regression(sigma, lambda d: sigma(d).inv()))


@claim("ahn2023.theorem1.isotropic", source="ahn2023, eq. 7",
       statement="Sigma = I: 1/((n - 1)/n + (d + 2)/n)")  # fmt: skip
def isotropic():
    def at(d):
        return step(identity(d) / ((n - 1) / n + sympy.Integer(d + 2) / n))

    return optimum(
        layer, at, Regression(), least=lambda d: sympy.Integer(d * (d + 1)) / (n + d + 1)
    )
