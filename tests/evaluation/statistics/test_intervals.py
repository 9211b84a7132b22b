import math

import numpy as np
import pytest
from scipy import stats

from segexp.evaluation.statistics.clusters import make_clusters
from segexp.evaluation.statistics.intervals import lower_ious, miou_interval


def one_by_one(images: int):
    return make_clusters("none", [str(n) for n in range(images)], "folder")


def test_the_lower_end_is_students_for_images_of_one_size():
    """Class 0 is found whole or missed whole: its IoU is the share of images that found it."""
    found = np.arange(60) % 3 > 0
    confusions = np.zeros((60, 2, 3), np.int64)
    confusions[found, 0, 0] = 10
    confusions[~found, 0, 2] = 10
    confusions[:, 1, 1] = 5
    lower = lower_ious(confusions, one_by_one(60))
    share = 2 / 3
    reach = stats.t.isf(0.025, 59) * math.sqrt(share * (1 - share) / 59)
    assert lower[0] == pytest.approx(share - reach, abs=0.01)
    assert lower[1] == 1.0


def test_a_class_in_few_images_has_no_interval():
    confusions = np.zeros((20, 2, 3), np.int64)
    confusions[:, 0, 0] = 10
    confusions[:4, 1, 1] = 10
    lower = lower_ious(confusions, one_by_one(20))
    assert lower[0] == 1.0
    assert math.isnan(lower[1])


def test_the_interval_of_the_mean_is_students_for_images_of_one_size():
    """Class 0 is found whole or missed whole, class 1 always: half of the share's interval."""
    found = np.arange(60) % 3 > 0
    confusions = np.zeros((60, 3, 4), np.int64)
    confusions[found, 0, 0] = 10
    confusions[~found, 0, 3] = 10
    confusions[:, 1, 1] = 5  # and class 2 is nowhere: in no mean
    low, high = miou_interval(confusions, one_by_one(60))
    share = 2 / 3
    reach = stats.t.isf(0.025, 59) * math.sqrt(share * (1 - share) / 59)
    assert low == pytest.approx((share - reach + 1) / 2, abs=0.006)
    assert high == pytest.approx((share + reach + 1) / 2, abs=0.006)


def test_frames_of_one_video_make_the_interval_wider():
    rng = np.random.default_rng(0)
    confusions = np.zeros((60, 1, 2), np.int64)
    right = np.repeat(rng.integers(0, 11, 6), 10)  # ten frames of each of six videos
    confusions[:, 0, 0], confusions[:, 0, 1] = right, 10 - right
    videos = make_clusters("sequence", [f"v{n // 10:04}_{n:05}" for n in range(60)], "folder")
    assert len(videos.names) == 6
    widths = []
    for clusters in (videos, one_by_one(60)):
        low, high = miou_interval(confusions, clusters)
        widths.append(high - low)
    assert widths[0] > 2 * widths[1]
