r"""
A denoising auto-encoder
========================

An auto-encoder squeezes an image through a short code, here 8 numbers for 64 pixels, and reconstructs it. A denoising
one is shown noisy images and has to put out the clean ones: its loss is :math:`\frac{1}{2} \| z(x + \varepsilon) - x
\|^2`. Without noise, linear units would find the space of the principal components (Baldi and Hornik 1989), which are
shown for comparison; a ReLU layer on each side of the code does better. All digits in the picture are held out.
(Denoising is one of the Toronto deck's deeper networks.)

Where a learner stumbles: the noise is drawn anew in every epoch, and it is added to the input, never to the target.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show

CODE, NOISE = 8, 0.25


def strip(images):
    """Return images of 8 x 8 pixels side by side, with a white frame around each."""
    return np.hstack(np.pad(images.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1))))


def experiment(small: bool = False):
    """Return the picture and the figures."""
    X, y = load_digits(return_X_y=True)
    X, X_test, _, y_test = train_test_split(X / 16, y, test_size=0.25, stratify=y, random_state=0)
    noisy = X_test + NOISE * np.random.default_rng(0).normal(size=X_test.shape)
    model = cp.AutoEncoder(
        (128, CODE), ["relu", "identity"], noise=cp.GaussianNoise(NOISE), solver=cp.Adam(2e-3), alpha=0.0,
        batch_size=32, max_iter=1000, tol=1e-2 if small else 1e-3, n_iter_no_change=5, random_state=0,
    ).fit(X)  # fmt: skip
    pca = PCA(CODE).fit(X)
    images = {"clean": X_test, "noisy": noisy}
    for name, encoder in {"denoising\nauto-encoder": model, "principal\ncomponents": pca}.items():
        images[name] = encoder.inverse_transform(encoder.transform(noisy))
    errors = {name: np.mean((values - X_test) ** 2) for name, values in images.items()}

    figure, axes = plt.subplots(figsize=(14, 4.8))
    shown = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
    axes.imshow(np.vstack([strip(values[shown]) for values in images.values()]), cmap="Greys", vmin=0, vmax=1)
    for row, error in enumerate(errors.values()):
        axes.text(101, 10 * row + 4.5, f"{error:.4f}" if error else "0", va="center", fontsize=15)
    axes.text(101, -1, "squared error\na pixel", va="bottom", ha="left")
    axes.set_yticks(10 * np.arange(len(images)) + 4.5, list(images), fontsize=15)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    axes.set_title(f"Held-out digits through a code of {CODE} numbers for 64 pixels")
    return figure, {
        "error of the noisy images": errors["noisy"],
        "error of the auto-encoder": errors["denoising\nauto-encoder"],
        "error of principal components": errors["principal\ncomponents"],
    }


if __name__ == "__main__":
    show(experiment)
