"""Looks of models in plots: told apart in colour, by the colour-blind, and in grey print."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from analysis.drawing import DISTINCT, MODEL_COLOURS, PAPER, Look, look_of

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHTS = {
    "all colours": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
NEAR = 12.0
"""A distance in CIE L*a*b* under which two colours may be taken for each other in thin marks."""


def lab(colour: str, sight: object) -> np.ndarray:
    """CIE L*a*b* of a colour as it is seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(sight) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def shape(look: Look) -> tuple[str, bool, str]:
    """What is left of a look in grey."""
    return look.marker, look.fill == PAPER, look.line


def test_no_two_subjects_look_alike() -> None:
    looks = [look_of(number) for number in range(DISTINCT + 1)]
    assert len(set(looks)) == len({shape(one) for one in looks}) == 25


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_that_come_near_have_other_markers(sight: str) -> None:
    for one, two in combinations(range(1, len(MODEL_COLOURS) + 1), 2):
        apart = np.linalg.norm(
            lab(look_of(one).colour, SIGHTS[sight]) - lab(look_of(two).colour, SIGHTS[sight])
        )
        assert apart > NEAR or look_of(one).marker != look_of(two).marker, (one, two, apart)


def test_every_colour_stands_out_from_the_page() -> None:
    for colour in MODEL_COLOURS:
        assert np.linalg.norm(lab(colour, np.eye(3)) - lab(PAPER, np.eye(3))) > 30, colour
