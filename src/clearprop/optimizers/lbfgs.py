"""L-BFGS, through SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clearprop.config import Configurable
from clearprop.errors import ArgumentError
from clearprop.validation import check_integer, check_real

__all__ = ["LBFGS"]


@dataclass(frozen=True)
class LBFGS(Configurable):
    """Limited-memory BFGS on the whole data at once; an epoch of the training loop is one of its iterations.

    Each iteration goes along d = -H g, with g the gradient and H an estimate of the inverse Hessian from the last
    `memory` steps, as far as a line search says. The vectors have shape (n_parameters,), float64 whatever the network's
    dtype.

    For small data and smooth losses, where it reaches the optimum to many digits. It takes no batches, no learning
    rate, and no boxes that disturb training at random.

    Parameters
    ----------
    gradient_tolerance : float >= 0, default=1e-9
        Stop when the largest entry of the gradient is at most this.
    loss_tolerance : float >= 0, default=1e-16
        Stop when the loss falls by at most this share of it, or of 1 where it is smaller than 1.
    max_evaluations : int >= 1, default=15000
        Stop after so many evaluations of the loss.
    memory : int >= 1, default=10
        Number of past steps that model the curvature. PyTorch's default is 100, and no line search.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges; in training, for a network without parameters, with boxes such as Dropout
        or BatchNorm, or with a constraint.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1)], inputs=1, dtype="float64")
    >>> reports = net.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], optimizer=cp.LBFGS(), epochs=20)
    >>> {name: value.round(6).tolist() for name, value in net.parameters.items()}  # y = 2 x + 1
    {'dense_1.W': [[2.0]], 'dense_1.b': [1.0]}

    References
    ----------
    Liu and Nocedal (1989), "On the limited memory BFGS method for large scale optimization";
    `scipy.optimize.minimize` with ``method="L-BFGS-B"``.
    """

    gradient_tolerance: float = 1e-9
    loss_tolerance: float = 1e-16
    max_evaluations: int = 15_000
    memory: int = 10

    def __post_init__(self) -> None:
        check_real("LBFGS", "gradient_tolerance", self.gradient_tolerance, low=0.0)
        check_real("LBFGS", "loss_tolerance", self.loss_tolerance, low=0.0)
        check_integer("LBFGS", "max_evaluations", self.max_evaluations, minimum=1)
        check_integer("LBFGS", "memory", self.memory, minimum=1)

    def minimize(self, objective: Any, start: Any, max_iterations: int, callback: Any) -> Any:
        """Run SciPy's minimizer and return its result.

        Parameters
        ----------
        objective : callable
            ``objective(vector) -> (float, float64 vector)``, the loss and its gradient.
        start : array of shape (n,)
            Where to begin, float64.
        max_iterations : int
            Iterations at most.
        callback : callable
            Called with ``intermediate_result=`` after each iteration; may raise StopIteration.
        """
        from scipy.optimize import minimize  # 0.1 s, and most users never need it

        if start.size == 0:
            raise ArgumentError("LBFGS: the network has no parameters to fit; add a layer such as Dense.")
        options = {
            "maxiter": max_iterations,
            "maxfun": self.max_evaluations,
            "gtol": self.gradient_tolerance,
            "ftol": self.loss_tolerance,
            "maxcor": self.memory,
        }
        return minimize(objective, start, method="L-BFGS-B", jac=True, options=options, callback=callback)
