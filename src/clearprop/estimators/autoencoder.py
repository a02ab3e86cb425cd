"""An auto-encoder as a scikit-learn transformer."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from clearprop.errors import ArgumentError
from clearprop.estimators.options import CONSTRAINTS, LOSSES, hidden_activations, unit_counts
from clearprop.estimators.rows import Names, column_names
from clearprop.layers import Dense, Dropout, GaussianNoise, Layer, TransposedDense
from clearprop.losses import Loss, SparseReconstruction, SquaredError
from clearprop.network import Network
from clearprop.optimizers import LBFGS, Adam, Optimizer
from clearprop.penalties import L2
from clearprop.training import EarlyStopping, train
from clearprop.training.pretraining import reconstruction

__all__ = ["AutoEncoder"]

Array = Any


class AutoEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A network that reconstructs its input from a short code, as a transformer from rows to codes and back.

    The encoder has a Dense box and an activation for each of the hidden layers, of which the last puts out the code;
    the decoder mirrors it and ends with a Dense box of n_features units. With x of shape (n, n_features) and one
    hidden layer::

        h = f(x W + b)        z = h W' + c        loss = mean over rows of 1/2 sum over columns of (z - x)^2

    With ``activation="identity"`` and `k` units the best codes span the same space as the first `k` principal
    components. Scale the columns of X to about -3 to 3 first.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, or int, default=(32,)
        Units of each layer of the encoder; the last number is the length of the code.
    activation : str, Layer, or a list of one for each layer of the encoder, default="relu"
        As for `MLPRegressor`; each layer of the decoder has that of the encoder's layer of its width.
    tied : bool, default=False
        Whether the decoder uses the transposed weights of the encoder, which the array engine alone can do.
    noise : Dropout, GaussianNoise or None, default=None
        What disturbs X in training; reconstructed is X as it was ("denoising").
    sparsity : float, default=0.0
        Strength of an L1 penalty on the code, as in `SparseReconstruction`.
    loss : {"squared_error", "poisson", "absolute_error", "huber", "quantile"} or Loss, default="squared_error"
        Loss of the reconstruction; ``clearprop.BinaryCrossEntropy()`` for columns from 0 to 1.
    solver : {"adam", "lbfgs"}, Optimizer or LBFGS, default="adam"
        How the loss is minimised; an optimizer of clearprop brings its own learning rate. "lbfgs" takes no noise.
    alpha : float, default=0.0001
        Strength of the L2 penalty, divided by the rows of the batch.
    batch_size : int or "auto", default="auto"
        Rows of an update; "auto" is min(200, n). "lbfgs" takes all rows.
    learning_rate_init : float, default=0.001
        Learning rate of "adam".
    max_iter : int, default=200
        Epochs (iterations of "lbfgs") at most.
    random_state : int, RandomState or None
        Seed of the initial parameters, the order of rows, and the noise.
    tol : float, default=0.0001
        What counts as an improvement of the loss; for "lbfgs" the largest entry of the gradient at the end.
    n_iter_no_change : int, default=10
        Epochs without improvement before training stops.
    dtype : float32, float64 or None, default=None
        Type of all computation; None keeps that of X.
    engine : {"auto", "native", "array"}, default="auto"
        What computes.

    Attributes
    ----------
    network_ : Network
        The fitted network, from X to its reconstruction (with the code beside it where `sparsity` is above 0). Its
        Dense boxes are ``encoder_1``, ``encoder_2``, ... and, in reverse order, ..., ``decoder_2``, ``decoder_1``.
    loss_curve_ : list of float
        The objective in each epoch, penalty included.
    n_iter_ : int
        Epochs run.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    Three columns that are multiples of one number fit into a code of one:

    >>> import numpy
    >>> import clearprop as cp
    >>> X = numpy.outer(numpy.linspace(-1.0, 1.0, 20), [1.0, -2.0, 0.5])
    >>> model = cp.AutoEncoder(1, "identity", solver=cp.LBFGS(), alpha=0.0, random_state=0).fit(X)
    >>> codes = model.transform(X)
    >>> codes.shape, bool(abs(model.inverse_transform(codes) - X).max() < 1e-5)
    ((20, 1), True)

    References
    ----------
    Hinton and Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks"; Baldi and Hornik
    (1989), "Neural networks and principal component analysis"; Vincent et al. (2008), "Extracting and composing robust
    features with denoising autoencoders".
    """

    network_: Network

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: CONSTRAINTS[name] for name in (
            "hidden_layer_sizes", "activation", "alpha", "batch_size", "learning_rate_init", "max_iter", "random_state",
            "tol", "dtype", "engine",
        )},
        "tied": ["boolean"],
        "noise": [Dropout, GaussianNoise, None],
        "sparsity": [Interval(Real, 0, None, closed="left")],
        "loss": [StrOptions(set(LOSSES)), Loss],
        "solver": [StrOptions({"adam", "lbfgs"}), Optimizer, LBFGS],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    }  # fmt: skip

    def __init__(
        self,
        hidden_layer_sizes: Any = (32,),
        activation: Any = "relu",
        *,
        tied: bool = False,
        noise: Dropout | GaussianNoise | None = None,
        sparsity: float = 0.0,
        loss: Any = "squared_error",
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        dtype: Any = None,
        engine: str = "auto",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.tied = tied
        self.noise = noise
        self.sparsity = sparsity
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.dtype = dtype
        self.engine = engine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> AutoEncoder:
        """Fit the network to reconstruct X.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.
        y : None
            Not used; there for scikit-learn's pipelines.

        Returns
        -------
        AutoEncoder
            Itself, fitted.
        """
        X = validate_data(self, X, dtype=(numpy.float64, numpy.float32))
        seed = int(check_random_state(self.random_state).randint(2**31))
        loss = LOSSES[self.loss] if isinstance(self.loss, str) else self.loss
        output, loss = reconstruction(X.shape[1], *self._layers(X.shape[1]), loss, float(self.sparsity))
        self.network_ = net = Network(
            output,
            loss=loss,
            penalty=L2(float(self.alpha), per_row=True) if self.alpha > 0 else None,
            seed=seed,
            dtype=X.dtype if self.dtype is None else self.dtype,
            engine=self.engine,
        )
        optimizer = self._optimizer()
        stopping = EarlyStopping(self.n_iter_no_change, float(self.tol), monitor="loss", restore_best=False)
        reports = train(
            net,
            X,
            X,
            optimizer=optimizer,
            epochs=self.max_iter,
            batch_size=min(200, len(X)) if self.batch_size == "auto" else self.batch_size,
            early_stopping=None if isinstance(optimizer, LBFGS) else stopping,
            seed=seed,
        )
        self.loss_curve_ = [report.loss for report in reports]
        self.n_iter_ = len(self.loss_curve_)
        if self.n_iter_ == self.max_iter:
            warnings.warn(
                f"AutoEncoder: max_iter={self.max_iter} reached before training came to its own end; raise max_iter or "
                "learning_rate_init.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def transform(self, X: Any) -> Array:
        """Return the codes of the rows of X, shape (n, length of the code)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(numpy.float64, numpy.float32), reset=False)
        return self._part("encoder").scores(X)

    def inverse_transform(self, X: Any) -> Array:
        """Return what codes decode to, shape (n, n_features): for ``X = transform(rows)`` the rows' reconstruction.

        Parameters
        ----------
        X : array-like of shape (n, length of the code)
            Codes.
        """
        check_is_fitted(self)
        return self._part("decoder").predict(check_array(X, dtype=(numpy.float64, numpy.float32)))

    def _network_rows(self, X: Any, y: None = None) -> tuple[Array, Array]:
        X = validate_data(self, X, dtype=(numpy.float64, numpy.float32), reset=False)
        return X, X

    def _input_names(self) -> Names:
        return column_names(self)

    def _layers(self, n_features: int) -> tuple[list[Layer], list[Layer]]:
        """Return the boxes of encoder and decoder that the parameters describe."""
        sizes = unit_counts(self.hidden_layer_sizes)
        if not sizes:
            raise ArgumentError("hidden_layer_sizes must hold at least one number, the length of the code; got none.")
        activations = hidden_activations(self, len(sizes))
        encoder: list[Layer] = [] if self.noise is None else [replace(self.noise, name="noise")]
        decoder: list[Layer] = []
        for number, (units, activation) in enumerate(zip(sizes, activations, strict=True), start=1):
            name = f"encoder_{number}"
            encoder += [Dense(units, name=name), replace(activation, name=f"{name}_activation")]
        widths = [n_features, *sizes]
        for number in range(len(sizes), 0, -1):
            units, name = widths[number - 1], f"decoder_{number}"
            if number < len(sizes):
                decoder.append(replace(activations[number - 1], name=f"decoder_{number + 1}_activation"))
            of = f"encoder_{number}"
            decoder.append(TransposedDense(units, of=of, name=name) if self.tied else Dense(units, name=name))
        return encoder, decoder

    def _optimizer(self) -> Optimizer | LBFGS:
        if isinstance(self.solver, Optimizer | LBFGS):
            return self.solver
        if self.solver == "lbfgs":
            return LBFGS(gradient_tolerance=float(self.tol))
        return Adam(float(self.learning_rate_init))

    def _part(self, half: str) -> Network:
        """Return the encoder, or the decoder, as a network of its own with the parameters of `network_`."""
        whole = self.network_
        loss, learned = whole.loss_function, whole.parameters
        boxes: list[Layer] = []
        sources: dict[str, str] = {}  # of each parameter, what it is called in the whole network
        for node, names in zip(whole.graph.nodes, whole.graph.names(), strict=True):
            if node.layer is not None and node.name.startswith(half):
                box = node.layer
                boxes.append(replace(box, of=None) if isinstance(box, TransposedDense) else box)
                sources |= {f"{node.name}.{local}": name for local, name in names.items()}
        if half == "encoder":
            inputs, loss = self.n_features_in_, SquaredError()  # a code is no prediction: it has no link
        else:
            inputs, loss = self._n_features_out, loss.loss if isinstance(loss, SparseReconstruction) else loss
        part = Network(boxes, inputs=inputs, loss=loss, dtype=whole.dtype, engine=self.engine)
        for name, view in part.parameters.items():
            view[...] = learned[sources[name]]
        return part

    @property
    def _n_features_out(self) -> int:
        """Number of columns that `transform` returns."""
        codes = [node for node in self.network_.graph.nodes if node.name.startswith("encoder")]
        return codes[-1].shape[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
