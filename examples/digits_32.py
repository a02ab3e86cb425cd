r"""
Digits at 32 x 32 pixels
========================

A network with logistic hidden units reads digits of 32 x 32 pixels (here, scikit-learn's of 8 x 8, enlarged). The
weights of a hidden unit have the shape of an image, and can be looked at as one: ink on red turns the unit on, and ink
on blue turns it off, so that each looks for a stroke at some place. An L2 penalty keeps the weights of pixels that
tell nothing near 0. (Toronto deck.)

Where a learner stumbles: such pictures show the first layer only. What a unit of a later layer looks for depends on
all weights below it, and is no picture.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show


def enlarged(images):
    """Return images of 8 x 8 pixels as rows of 32 x 32, in the range from 0 to 1."""
    smooth = zoom(images / 16, (1, 4, 4), order=1, grid_mode=True, mode="nearest")
    return smooth.reshape(len(images), 1024)


def draw_images(axes, title, rows, columns, **style):
    """Draw rows of 1024 pixels as images side by side, with a margin around each."""
    images = np.pad(rows.reshape(-1, 32, 32), [(0, 0), (2, 2), (2, 2)], constant_values=np.nan)
    lines = images.reshape(-1, columns, 36, 36).transpose(0, 2, 1, 3)
    axes.imshow(lines.reshape(-1, columns * 36), **style)
    axes.set_title(title)
    axes.axis("off")


def experiment(small: bool = False):
    """Return the picture and the figures."""
    digits = load_digits()
    x, new, y, new_y = train_test_split(enlarged(digits.images), digits.target, stratify=digits.target, random_state=0)
    layers = [cp.Dense(40), cp.Sigmoid(), cp.Dense(10)]
    net = cp.Network(layers, inputs=1024, loss=cp.CrossEntropy(), penalty=cp.L2(1e-4))
    net.fit(x, y, optimizer=cp.Adam(cp.Cosine(0.005)), epochs=25 if small else 60)
    weights = net.parameters["dense_1.W"].T
    largest = np.abs(weights).max()

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 6), width_ratios=[5, 8])
    draw_images(left, "Images", x[:25], 5, cmap="gray_r")
    title = "Weights of the 40 logistic hidden units: red > 0, blue < 0"
    draw_images(right, title, weights, 8, vmin=-largest, vmax=largest)
    return figure, {
        "held-out accuracy": np.mean(net.predict(new).argmax(1) == new_y),
        "weights of the first layer": weights.size,
    }


if __name__ == "__main__":
    show(experiment)
