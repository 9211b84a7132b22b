import subprocess
import sys
from functools import cache

import numpy as np
import pytest

from segexp.scenes import LABELS, VOID, Scene, render_scene

SEEDS = 120
CITYSCAPES_TRAIN_IDS = (
    "road sidewalk building wall fence pole traffic_light traffic_sign vegetation terrain sky "
    "person rider car truck bus train motorcycle bicycle"
)


@cache
def scene(seed: int, height: int = 64, width: int = 128) -> Scene:
    return render_scene(seed, height, width)


@cache
def pixels_per_image() -> np.ndarray:
    """Pixels of each label (19 and void) in each of the scenes 0..SEEDS-1, at 32 x 64."""
    counts = [
        np.bincount(scene(seed, 32, 64).labels.ravel(), minlength=256) for seed in range(SEEDS)
    ]
    return np.stack(counts)[:, [*range(len(LABELS)), VOID]]


def test_labels_are_the_cityscapes_train_labels_in_order():
    assert [label.replace(" ", "_") for label in LABELS] == CITYSCAPES_TRAIN_IDS.split()
    assert VOID == 255


@pytest.mark.parametrize("size", [(32, 32), (32, 64), (37, 91), (64, 128), (200, 96), (256, 512)])
def test_a_scene_has_the_size_dtype_and_range_asked_for(size):
    image, labels = scene(3, *size).image, scene(3, *size).labels
    assert image.shape == (*size, 3)
    assert labels.shape == size
    assert image.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {*range(19), VOID}


def test_the_same_seed_gives_the_same_bytes():
    first, second = render_scene(11, 64, 128), render_scene(11, 64, 128)
    assert first.image.tobytes() == second.image.tobytes()
    assert first.labels.tobytes() == second.labels.tobytes()


def test_another_process_with_another_hash_seed_renders_the_same_bytes():
    program = (
        "import hashlib; from segexp.scenes import render_scene; s = render_scene(11, 64, 128); "
        "print(hashlib.sha256(s.image.tobytes() + s.labels.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_rendering_one_scene_leaves_no_trace_in_the_next():
    alone = render_scene(21, 64, 128)
    render_scene(20, 48, 64)
    np.random.default_rng(0).random(5)
    assert np.array_equal(render_scene(21, 64, 128).image, alone.image)


def test_different_seeds_give_different_pictures():
    images = [scene(seed).image.astype(int) for seed in range(24)]
    labels = [scene(seed).labels for seed in range(24)]
    for one in range(24):
        for other in range(one):
            assert np.abs(images[one] - images[other]).mean() > 5
            assert (labels[one] != labels[other]).mean() > 0.05


@pytest.mark.parametrize("larger", [(128, 256), (256, 512)])
def test_a_seed_shows_the_same_scene_at_two_sizes(larger):
    step = larger[0] // 64
    for seed in range(6):
        small, large = scene(seed), scene(seed, *larger)
        agreement = (small.labels == large.labels[step // 2 :: step, step // 2 :: step]).mean()
        assert agreement > 0.88
        blocks = large.image.reshape(64, step, 128, step, 3).mean(axis=(1, 3))
        assert np.abs(blocks - small.image).mean() < 16


def test_the_labels_fit_the_image():
    # Mirrored labels explain the colours of an image worse than its own do.
    def spread_within_labels(image, labels):
        image = image.astype(float)
        return sum(
            (labels == label).mean() * image[labels == label].std(axis=0).mean()
            for label in np.unique(labels)
        )

    own = mirrored = 0.0
    for seed in range(24):
        own += spread_within_labels(scene(seed).image, scene(seed).labels)
        mirrored += spread_within_labels(scene(seed).image, scene(seed).labels[::-1])
    assert own < 0.9 * mirrored


@pytest.mark.slow
def test_every_label_and_void_occur():
    assert (pixels_per_image().sum(axis=0) > 0).all()


def test_label_frequencies_are_as_long_tailed_as_those_of_cityscapes():
    counts = pixels_per_image()[:, :-1]
    share = counts.sum(axis=0) / counts.sum()
    named = dict(zip(LABELS, share, strict=True))
    assert 0.25 < named["road"] < 0.45
    assert 0.15 < named["building"] < 0.30
    assert 0.10 < named["vegetation"] < 0.22
    rarest = np.argsort(share)[:5]
    assert (share[rarest] < 0.003).all()
    assert ((counts[:, rarest] > 0).mean(axis=0) < 0.5).all()


def test_no_label_is_given_away_by_its_mean_colour():
    # Even learned on the very same pixels, the nearest mean colour must be a bad guess.
    images = np.concatenate([scene(seed).image.reshape(-1, 3) for seed in range(40)]).astype(float)
    labels = np.concatenate([scene(seed).labels.ravel() for seed in range(40)])
    present = [label for label in range(19) if (labels == label).any()]
    means = np.stack([images[labels == label].mean(axis=0) for label in present])
    guess = np.array(present)[((images[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)]
    recall = [(guess[labels == label] == label).mean() for label in present if label != 10]
    assert np.mean(recall) < 0.3


@pytest.mark.parametrize("size", [(31, 64), (64, 31), (0, 0), (-64, 128)])
def test_a_size_under_32_pixels_is_refused_with_its_value(size):
    with pytest.raises(ValueError, match=f"height={size[0]} and width={size[1]}"):
        render_scene(0, *size)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed=-1"):
        render_scene(-1, 64, 128)
