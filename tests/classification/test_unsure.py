"""The probability from which on answers are told."""

from __future__ import annotations

import numpy as np

from lstmkit.classification.unsure import least_probability, most_probable


def test_the_threshold_is_the_lowest_at_which_answers_are_right_often_enough() -> None:
    sure = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.55])
    found, right = np.stack([sure, 1 - sure], axis=1), np.array([0, 0, 1, 0, 0, 1])
    assert least_probability(found, right, 1.0) == 0.9
    assert least_probability(found, right, 0.8) == 0.6  # 4 of 5
    assert least_probability(found, right, 0.6) == 0.0  # 4 of 6: all may be told
    assert least_probability(found, 1 - right, 0.9) == 0.0  # never: best are all, 2 of 6
    same = np.array([[0.8, 0.2]] * 4)
    assert least_probability(same, np.array([0, 0, 0, 1]), 1.0) == 0.0  # equal answers are told together


def test_the_most_probable_classes_are_named_first() -> None:
    shares = {"wave": 0.05, "clap": 0.9, "box": 0.04, "jog": 0.01}
    assert most_probable(shares) == "clap 90 %, wave 5 %, box 4 %"
    assert most_probable(shares, 1) == "clap 90 %"
