"""Whether a point is a minimum: the conditions of first and second order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.batches import check_finite
from clearprop.derivatives import hessian_vector_pass
from clearprop.errors import ArgumentError
from clearprop.network import Network
from clearprop.validation import check_instance, check_real

__all__ = ["OptimalityReport", "check_optimality"]

MOST_PARAMETERS = 2000  # a Hessian of 32 MB, from 8,000 gradients
KINK = 1e-3  # smooth networks disagree by up to some 1e-6 of the largest curvature, a jump of the gradient by a tenth


@dataclass(frozen=True, repr=False)
class OptimalityReport:
    """What `check_optimality` found.

    Attributes
    ----------
    gradient_norm : float
        Euclidean norm of the gradient.
    curvatures : tuple of float
        Eigenvalues of the Hessian, in ascending order: the second derivatives along its eigenvectors.
    tolerance : float
        What counts as 0, relative to the largest curvature or to 1, whichever is larger.
    disagreement : float
        Largest difference between the entries of the Hessian from differences of two widths: tiny unless the gradient
        jumps.
    """

    gradient_norm: float
    curvatures: tuple[float, ...]
    tolerance: float
    disagreement: float

    @property
    def smallest(self) -> float:
        """Smallest curvature, which is negative where the loss falls along some line."""
        return self.curvatures[0]

    @property
    def largest(self) -> float:
        """Largest curvature."""
        return self.curvatures[-1]

    @property
    def scale(self) -> float:
        """Largest absolute curvature, or 1 if that is larger."""
        return max(1.0, abs(self.smallest), abs(self.largest))

    @property
    def margin(self) -> float:
        """What counts as 0, tolerance times scale: a gradient norm up to it, and curvatures within."""
        return self.tolerance * self.scale

    @property
    def n_negative(self) -> int:
        """Number of curvatures below 0."""
        return sum(curvature < -self.margin for curvature in self.curvatures)

    @property
    def n_zero(self) -> int:
        """Number of curvatures that count as 0."""
        return len(self.curvatures) - self.n_negative - self.n_positive

    @property
    def n_positive(self) -> int:
        """Number of curvatures above 0."""
        return sum(curvature > self.margin for curvature in self.curvatures)

    @property
    def verdict(self) -> str:
        """What the two conditions say of the point, in words."""
        if self.disagreement > KINK * self.scale:
            return "kink: second derivatives do not exist"
        if self.gradient_norm > self.margin:
            return "not stationary"
        if self.n_negative and self.n_positive:
            return "saddle point"
        if self.n_zero:
            return "flat: second order does not decide"
        return "minimum" if self.n_positive else "maximum"

    def __str__(self) -> str:
        stationary = "above" if self.gradient_norm > self.margin else "within"
        return "\n".join(
            [
                self.verdict,
                f"gradient    norm {self.gradient_norm:.3g}, {stationary} {self.margin:.1g} of 0",
                f"curvatures  {self.n_negative} negative, {self.n_zero} zero (within {self.margin:.1g}), "
                f"{self.n_positive} positive; from {self.smallest:.6g} to {self.largest:.6g}",
            ]
        )

    __repr__ = __str__


def check_optimality(
    net: Network, X: Any, y: Any, sample_weight: Any = None, *, tolerance: float = 1e-6
) -> OptimalityReport:
    """Check the conditions of first and second order for a minimum of the loss at the network's parameters.

    At a minimum w the gradient g is 0 (first order) and no eigenvalue of the Hessian H is negative (second order). If
    g = 0 and all eigenvalues are positive, w is a strict local minimum, for L(w + d) = L(w) + g^T d + d^T H d / 2 +
    o(d^2); if all are negative, a maximum; if there are both signs, a saddle point. Otherwise some curvatures are 0,
    and terms of higher order decide: networks with interchangeable or dead units often have such flat directions.

    All of it happens on a float64 copy of the network in prediction mode, penalties included. H comes from central
    differences of the gradient, as told at `Network.hessian_vector_product`, one column a parameter, and is made
    symmetric; the default tolerance lies far above the error of these differences, some 1e-11. Where the gradient jumps
    within them, the point lies at a kink (of ReLU, L1, ...), where neither condition holds: even a minimum may have a
    subgradient that is not 0. ReLU networks start at one if a row switches off a whole layer before biases of 0.

    Parameters
    ----------
    net : Network
        With at most 2,000 parameters; left as it is.
    X, y, sample_weight : array-like
        Rows, as for `Network.loss`.
    tolerance : float, default=1e-6
        A gradient norm and curvatures of up to tolerance max(1, largest |curvature|) count as 0. Along the largest
        curvature, the gradient then belongs to a point within `tolerance` of a stationary one.

    Returns
    -------
    OptimalityReport
        Gradient norm, curvatures and verdict: ``"minimum"``, ``"maximum"``, ``"saddle point"``, ``"not stationary"``,
        ``"flat: second order does not decide"`` or ``"kink: second derivatives do not exist"``.

    Raises
    ------
    ArgumentError
        If the network has no parameters, or too many.
    NoGradientError
        If the network holds a box without a gradient, such as Step.

    Examples
    --------
    Least squares have one minimum; the loss of a network with a hidden layer has a saddle where all weights are 0.

    >>> import clearprop as cp
    >>> X, y = [[-1.0], [1.0]], [-1.0, 1.0]
    >>> line = cp.Network([cp.Dense(1, initializer=cp.Constant(1.0))], inputs=1)
    >>> print(cp.check_optimality(line, X, y))
    minimum
    gradient    norm 0, within 1e-06 of 0
    curvatures  0 negative, 0 zero (within 1e-06), 2 positive; from 1 to 1
    >>> net = cp.Network([cp.Dense(1), cp.Tanh(), cp.Dense(1)], inputs=1)
    >>> net.vector[...] = 0.0
    >>> cp.check_optimality(net, X, y).verdict
    'saddle point'

    References
    ----------
    Nocedal and Wright (2006), "Numerical optimization", theorems 2.2 to 2.4.
    """
    check_instance("check_optimality", "net", net, Network, "Network([Dense(1)], inputs=3)")
    check_real("check_optimality", "tolerance", tolerance, low=0.0, closed="neither")
    n = net.n_parameters
    if not 1 <= n <= MOST_PARAMETERS:
        raise ArgumentError(
            f"check_optimality: net must have 1 to {MOST_PARAMETERS} parameters, for the whole Hessian is computed, "
            f"got {n}; use fewer units, or look along single directions v with v @ net.hessian_vector_product(X, y, v)."
        )
    net = net.astype(numpy.float64)
    batch = net.batch(X, y, sample_weight)
    _, gradient = net.gradient(X, y, sample_weight)
    norm = numpy.linalg.norm(numpy.concatenate([part.ravel() for part in gradient.values()]))
    with numpy.errstate(all="ignore"):  # what overflows is told below
        passes = [hessian_vector_pass(net.executor(), net.vector, net.buffer_vector, batch, e) for e in numpy.eye(n)]
    H = check_finite("Hessian", numpy.array([product for product, _ in passes]), net.parameters, net.graph.output.name)
    curvatures = numpy.linalg.eigvalsh((H + H.T) / 2.0)
    return OptimalityReport(
        float(norm), tuple(curvatures.tolist()), tolerance, max(disagreement for _, disagreement in passes)
    )
