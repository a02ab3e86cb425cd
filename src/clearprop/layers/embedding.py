"""A learned vector for every level of a category, letter or word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.errors import DataError
from clearprop.initializers import Initializer, Normal
from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.parameters import Parameter
from clearprop.validation import check_instance, check_integer

__all__ = ["Embedding"]


@dataclass(frozen=True)
class Embedding(Layer):
    """The row of a table that each code names.

    Forward, with codes x of shape (n, ...), W (levels, width) and h (n, ..., width)::

        h = W[x]

    Backward, where E of shape (number of codes, levels) has a 1 where a code names a level and 0 elsewhere, and dh has
    one row a code::

        dW = E^T dh

    so the gradients of a code that occurs several times add up. E is made in the backward pass and takes memory for
    as many numbers. Codes have no gradient. The box computes what `Dense` without b computes of one-hot rows,
    and its W is penalised in the same way.

    Like all inputs, codes are numbers of the network's dtype: float32 holds every integer up to 2^24 = 16,777,216
    exactly, float64 up to 2^53. PyTorch and Keras take integers instead.

    Parameters
    ----------
    levels : int >= 1
        Number of rows of W; the codes are the whole numbers 0 to levels - 1.
    width : int >= 1
        Length of a vector.
    initializer : Initializer, default=Normal(1.0)
        How W starts, as in PyTorch; Keras starts uniform within +-0.05.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    DataError
        For an input that is no code.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Embedding(3, width=2), cp.Sum(0)], inputs=2)
    >>> net.parameters["embedding_1.W"][...] = [[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]
    >>> net.scores([[1, 1], [0, 2]]).tolist()
    [[2.0, 4.0], [3.0, 4.0]]
    >>> net.gradient([[1, 1]], [[1.0, 2.0]])[1]["embedding_1.W"].tolist()  # dh = (1, 2), twice
    [[0.0, 0.0], [2.0, 4.0], [0.0, 0.0]]

    References
    ----------
    Bengio et al. (2003), "A neural probabilistic language model", section 2. ONNX operator Gather.
    """

    levels: int
    width: int
    initializer: Initializer = Normal(1.0)

    reads_codes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("Embedding", "levels", self.levels, minimum=1)
        check_integer("Embedding", "width", self.width, minimum=1)
        check_instance("Embedding", "initializer", self.initializer, Initializer, "Normal(1.0)")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of the codes with the width behind it."""
        return (*shapes[0], self.width)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return W of shape (levels, width)."""
        size = (self.levels, self.width)
        return {"W": Parameter(size, self.initializer, decays=True, fan_in=self.levels, fan_out=self.width)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the rows of W; keeps the codes as one vector of integers."""
        xp, (x,) = ctx.xp, xs
        codes = xp.astype(xp.clip(x, -1, self.levels), xp.int64)  # clipped: a large x may not fit into an integer
        fits = (codes >= 0) & (codes < self.levels) & (xp.astype(codes, x.dtype) == x)
        if not xp.all(fits):
            raise DataError(
                f"Embedding({self.levels}, {self.width}) takes the codes 0 to {self.levels - 1}, "
                f"got {float(x[~fits][0]):.10g}; number the levels from 0, or give it more levels."
            )
        codes = xp.reshape(codes, (-1,))
        return xp.reshape(xp.take(p["W"], codes, axis=0), (*x.shape, self.width)), codes

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dW = E^T dh, and no gradient at the codes."""
        xp, codes = ctx.xp, kept
        levels = xp.arange(self.levels, dtype=codes.dtype, device=codes.device)
        # forward: h = E W, one row a code
        chosen = xp.astype(levels[:, None] == codes[None, :], dh.dtype)
        return (None,), {"W": chosen @ xp.reshape(dh, (-1, self.width))}
