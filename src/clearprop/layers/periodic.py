"""Learned periodic functions of every number of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.initializers import Normal, Uniform
from clearprop.layers.base import Array, Context, Layer, Shape, require_vector
from clearprop.parameters import Parameter
from clearprop.validation import check_integer, check_real

__all__ = ["PeriodicEmbedding"]

TURN = 2.0 * math.pi


@dataclass(frozen=True)
class PeriodicEmbedding(Layer):
    """Every number of a row with an affine map of its cosines beside it: "PBLD", for the columns of a table.

    Forward, with x of shape (n, d), w and b (frequencies, d), W (width frequencies, d), c (width, d). The last axis of
    each is the column j of x; the rows of W are taken in groups of `frequencies`, a group o for each new number::

        a_kj = 2 pi w_kj x_j + b_kj        z_kj = cos a_kj        e_oj = sum over k of W_okj z_kj + c_oj

    and h = (x, e_1, ..., e_width) of shape (n, (1 + width) d): all of x, then the first new number of every column, and
    so on. Backward, with dh cut in the same way into (dh_0, de_1, ..., de_width)::

        dz_kj = sum over o of W_okj de_oj        da_kj = -sin(a_kj) dz_kj
        dx_j  = dh_0j + 2 pi sum over k of w_kj da_kj
        dw_kj = 2 pi sum over rows of da_kj x_j        db_kj = sum over rows of da_kj
        dW_okj = sum over rows of de_oj z_kj           dc_oj = sum over rows of de_oj

    All arrays have the network's dtype, float32 or float64. w starts normal, b uniform in [-pi, pi), W and c uniform
    within +-1 / sqrt(frequencies), as in a linear layer of PyTorch. W alone is penalised; the authors' own code lets
    weight decay act on all four.

    Parameters
    ----------
    frequencies : int >= 1, default=16
        Number of cosines of each column.
    width : int >= 1, default=3
        Number of new numbers of each column. The paper and the authors' code count x in and say 4.
    deviation : float >= 0, default=0.1
        Standard deviation of w at the start: the larger, the faster a function of x the network begins with.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row is not a vector; put Flatten() before it.

    Examples
    --------
    A parity of whole numbers, which dense boxes alone find hard, is one cosine of frequency 1 / 2:

    >>> import clearprop as cp
    >>> net = cp.Network([cp.PeriodicEmbedding(1, width=1)], inputs=1)
    >>> for name, value in {"w": 0.5, "b": 0.0, "W": 1.0, "c": 0.0}.items():
    ...     net.parameters[f"periodic_embedding_1.{name}"][...] = value
    >>> net.scores([[0.0], [1.0], [6.0], [7.0]]).tolist()
    [[0.0, 1.0], [1.0, -1.0], [6.0, 1.0], [7.0, -1.0]]

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data", section 3,
    after Gorishniy et al. (2022), "On embeddings for numerical features in tabular deep learning", section 3.3.
    """

    frequencies: int = 16
    width: int = 3
    deviation: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("PeriodicEmbedding", "frequencies", self.frequencies, minimum=1)
        check_integer("PeriodicEmbedding", "width", self.width, minimum=1)
        check_real("PeriodicEmbedding", "deviation", self.deviation, low=0.0)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return ((1 + width) d,)."""
        return ((1 + self.width) * require_vector(self, shapes[0]),)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return w and b of shape (frequencies, d), W (width frequencies, d) and c (width, d)."""
        d = require_vector(self, shapes[0])
        fans: dict[str, Any] = {"fan_in": self.frequencies, "fan_out": self.width}
        uniform = Uniform(1.0 / math.sqrt(self.frequencies))
        return {
            "w": Parameter((self.frequencies, d), Normal(self.deviation)),
            "b": Parameter((self.frequencies, d), Uniform(math.pi)),
            "W": Parameter((self.width * self.frequencies, d), uniform, decays=True, **fans),
            "c": Parameter((self.width, d), uniform, **fans),
        }

    def _by_column(self, ctx: Context, p: Mapping[str, Array]) -> tuple[Array, Array]:
        """Return w as (d, 1, frequencies) and W as (d, frequencies, width), for products of a column each."""
        xp, d = ctx.xp, p["w"].shape[1]
        W = xp.reshape(p["W"], (self.width, self.frequencies, d))
        return p["w"].T[:, None, :], xp.permute_dims(W, (2, 1, 0))

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps x, and a and z of shape (d, n, frequencies)."""
        xp, (x,) = ctx.xp, xs
        w, W = self._by_column(ctx, p)
        a = TURN * w * x.T[:, :, None] + p["b"].T[:, None, :]
        z = xp.cos(a)
        e = xp.permute_dims(xp.matmul(z, W) + p["c"].T[:, None, :], (1, 2, 0))
        return xp.concat([x, xp.reshape(e, (x.shape[0], self.width * x.shape[1]))], axis=1), (x, a, z)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx, dw, db, dW and dc."""
        xp, (x, a, z) = ctx.xp, kept
        (n, d), (w, W) = x.shape, self._by_column(ctx, p)
        # forward: h = (x, e)
        de = xp.permute_dims(xp.reshape(dh[:, d:], (n, self.width, d)), (2, 0, 1))
        # forward: e = z W + c
        dz = xp.matmul(de, xp.matrix_transpose(W))
        dW = xp.matmul(xp.matrix_transpose(z), de)
        # forward: z = cos a
        da = -xp.sin(a) * dz
        # forward: a = 2 pi w x + b
        dx = dh[:, :d] + TURN * xp.sum(w * da, axis=2).T if ctx.wants_dx else None
        return (dx,), {
            "w": TURN * xp.sum(x.T[:, :, None] * da, axis=1).T,
            "b": xp.sum(da, axis=1).T,
            "W": xp.reshape(xp.permute_dims(dW, (2, 1, 0)), (-1, d)),
            "c": xp.sum(de, axis=1).T,
        }
