r"""
LeNet-5: shared weights look at an image
========================================

A convolution is a feedforward layer whose units see a small window each and share their weights, so that a feature is
found wherever it lies: :math:`a_{fij} = b_f + \sum_{cuv} w_{fcuv}\, x_{c,i+u,j+v}`. LeNet-5 (LeCun et al. 1998) takes
two such layers, each followed by subsampling, here the mean of 2 x 2, and three dense ones. It learns scikit-learn's
bundled digits, enlarged from 8 x 8 to 20 x 20 pixels in the middle of 28 x 28, as in MNIST. In the picture one of them
is seen through the six filters of the first layer. (The original also learned a factor for each subsampled map, left
out some connections and ended in RBF units.)

Where a learner stumbles: sharing saves weights, not work. The six filters have few weights, each used at 784 places; a
dense layer of as many units would have the number printed last.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show


def enlarged_digits():
    """Return the bundled digits, 20 x 20 in the middle of images of shape (1, 28, 28), and their classes."""
    X, y = load_digits(return_X_y=True)
    images = zoom(X.reshape(-1, 8, 8) / 16, (1, 2.5, 2.5), order=1)
    return np.pad(images, ((0, 0), (4, 4), (4, 4)))[:, None], y


def lenet():
    """Return LeNet-5."""
    layers = [cp.Conv2D(6, 5, padding=2), cp.Tanh(), cp.AveragePool2D(2)]
    layers += [cp.Conv2D(16, 5), cp.Tanh(), cp.AveragePool2D(2), cp.Flatten()]
    layers += [cp.Dense(120), cp.Tanh(), cp.Dense(84), cp.Tanh(), cp.Dense(10)]
    return cp.Network(layers, inputs=(1, 28, 28), loss=cp.CrossEntropy(), seed=0)


def experiment(small: bool = False):
    """Return the picture and the figures."""
    X, y = enlarged_digits()
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    net = lenet()
    settings = {"optimizer": cp.Adam(cp.Cosine(2e-3)), "epochs": 2 if small else 25, "batch_size": 20}
    reports = net.fit(X, y, **settings, validation=(X_test, y_test), metrics="accuracy")
    accuracy = [report.metrics["validation_accuracy"] for report in reports]
    maps = net.trace(X_test[:1], y_test[:1])["tanh_1.h"][0]
    filters = net.parameters["conv2d_1.W"][:, 0]

    figure = plt.figure(figsize=(16, 6))
    left, middle, right = figure.subfigures(1, 3, width_ratios=[1, 2.6, 1.4])
    image = left.subplots()
    image.imshow(X_test[0, 0], cmap="Greys")
    image.set_title("A digit of 28 x 28 pixels")
    panels = middle.subplots(3, 4)
    for number in range(6):
        row, column = divmod(number, 2)
        limit = np.abs(filters).max()
        panels[row, 2 * column].imshow(filters[number], vmin=-limit, vmax=limit)
        panels[row, 2 * column + 1].imshow(maps[number], vmin=-1, vmax=1)
    for axes in [image, *panels.flat]:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(axes is image)
    middle.suptitle("Six filters of 5 x 5, and what each finds")
    curve = right.subplots()
    curve.plot(range(1, len(accuracy) + 1), accuracy, "o-")
    curve.set(xlabel="epoch", xticks=range(0, len(accuracy) + 1, 5), ylim=(0.9, 1), title="Accuracy on held-out digits")

    dense = cp.Network([cp.Flatten(), cp.Dense(maps.size)], inputs=(1, 28, 28))
    return figure, {
        "held-out accuracy": accuracy[-1],
        "parameters of LeNet-5": net.n_parameters,
        "parameters of the first layer": filters.size + len(filters),
        "parameters of a dense first layer": dense.n_parameters,
    }


if __name__ == "__main__":
    show(experiment)
