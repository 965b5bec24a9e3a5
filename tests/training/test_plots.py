"""What the plots show, read back from the drawn lines."""

import numpy as np
import pytest
from scipy.special import ndtr

from training.curve import scores
from training.disentanglement import analyse
from training.plots import det, importance_map, tippett


def test_det_shows_the_error_rates() -> None:
    given = scores([1, 3, 4, 5], [0, 2, -1, -2])
    line = det({"sls": given}).axes[0].lines[0]
    far, frr = ndtr(np.asarray(line.get_xdata())), ndtr(np.asarray(line.get_ydata()))
    # after rejecting up to 1: three of four spoofed and one of four bona fide are out
    assert any(np.isclose(far, 0.25) & np.isclose(frr, 0.25))
    assert np.all(np.diff(far) <= 0)
    assert np.all(np.diff(frr) >= 0)
    assert "EER 25.00%" in str(line.get_label())


def test_tippett_shares_fall_from_100() -> None:
    lines = tippett({"sls": scores([1, 3], [0, 2, 4, 5])}).axes[0].lines
    bona, spoof = lines[0], lines[1]
    assert np.asarray(bona.get_xdata()).tolist() == [1, 3]
    assert np.asarray(bona.get_ydata()).tolist() == [100, 50]
    assert np.asarray(spoof.get_ydata()) == pytest.approx([100, 75, 50, 25])


def test_importance_map_leaves_dead_dimensions_out() -> None:
    values = np.zeros((60, 4))
    values[:20, 1], values[20:40, 3] = 1, 1
    found = analyse(values, ["A1"] * 20 + ["A2"] * 20 + ["A3"] * 20)
    image = importance_map(found).axes[0].images[0]
    shown = np.asarray(image.get_array())
    assert shown.shape == (3, 2)
    assert shown[0].argmax() == 0  # A1 is best known by the dimension that comes first
    assert shown[1].argmax() == 1
