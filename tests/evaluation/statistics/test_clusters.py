import numpy as np
import pytest

from segexp.core.errors import InputError
from segexp.evaluation.statistics.clusters import Clusters, make_clusters

CITYSCAPES = [
    *(f"frankfurt_000000_{frame:06}" for frame in (294, 576, 1016)),
    *(f"frankfurt_000001_{frame:06}" for frame in (538, 1464)),
    *(f"lindau_{sequence:06}_000019" for sequence in range(3)),
    *(f"munster_{sequence:06}_000019" for sequence in range(4)),
]
ONE_VIDEO = [f"0016E5_{frame:05}" for frame in range(7959, 7959 + 50 * 2, 2)]


def sizes(clusters: Clusters) -> dict[str, int]:
    return dict(zip(clusters.names, np.bincount(clusters.index).tolist(), strict=True))


def test_cityscapes_ids_name_sequences_and_auto_takes_them():
    for kind in ("auto", "sequence"):
        clusters = make_clusters(kind, CITYSCAPES, "cityscapes")
        assert clusters.kind == "sequence"
        assert len(clusters.names) == 2 + 3 + 4
        assert sizes(clusters)["frankfurt_000000"] == 3
        assert clusters.names[clusters.index[0]] == "frankfurt_000000"


def test_cityscapes_ids_name_cities():
    clusters = make_clusters("city", CITYSCAPES, "cityscapes")
    assert clusters.kind == "city"
    assert sizes(clusters) == {"frankfurt": 5, "lindau": 3, "munster": 4}
    assert clusters.index.dtype == np.int64


@pytest.mark.parametrize("data_format", ["cityscapes-npy", "synthetic"])
def test_formats_with_numbered_images_have_no_clusters(data_format):
    clusters = make_clusters("auto", ["0", "1", "2"], data_format)
    assert (clusters.kind, clusters.names, clusters.caveat) == ("none", ("0", "1", "2"), None)
    np.testing.assert_array_equal(clusters.index, [0, 1, 2])


def test_none_is_every_image_its_own_whatever_its_id():
    clusters = make_clusters("none", CITYSCAPES, "cityscapes")
    assert clusters.kind == "none"
    np.testing.assert_array_equal(clusters.index, range(len(CITYSCAPES)))


def test_camvid_ids_name_sequences():
    names = ["0016E5_{:05}", "0001TP_{:06}", "0006R0_f{:05}", "Seq05VD_f{:05}", "0006R1_{:05}"]
    ids = [name.format(frame) for name in names for frame in (30, 60, 90)]
    clusters = make_clusters("auto", ids, "folder")
    assert clusters.kind == "sequence"
    assert sizes(clusters) == dict.fromkeys(["0001TP", "0006R0", "0006R1", "0016E5", "Seq05VD"], 3)


@pytest.mark.parametrize(
    "ids",
    [
        ["0016E5_00010", "0016E5_00020", "holiday"],  # not every id has the form
        ["a1_0001", "b2_0002", "c3_0003"],  # as many sequences as images
        ["img_0001", "img_0002", "img_0003"],  # a plain numbering, no video
        ["0001", "0002", "0003"],
    ],
)
def test_auto_takes_no_folder_for_videos_that_only_looks_a_little_like_it(ids):
    assert make_clusters("auto", ids, "folder").kind == "none"


def test_a_folder_asked_for_sequences_takes_names_without_digits_too():
    ids = ["left_0001", "left_0002", "right_0001", "right_0002"]
    clusters = make_clusters("sequence", ids, "folder")
    assert sizes(clusters) == {"left": 2, "right": 2}


def test_one_video_is_cut_into_ten_blocks_of_consecutive_frames():
    shuffled = [ONE_VIDEO[i] for i in np.random.default_rng(0).permutation(50)]
    clusters = make_clusters("auto", shuffled, "folder")
    assert clusters.kind == "block"
    assert list(sizes(clusters).values()) == [5] * 10
    block = dict(zip(shuffled, clusters.index, strict=True))
    assert [block[image_id] for image_id in ONE_VIDEO] == np.repeat(range(10), 5).tolist()
    assert clusters.caveat == (
        "All 50 images come from one video sequence (0016E5): blocks of consecutive frames are "
        "resampled. If neighbouring frames are nearly alike, the interval is still too narrow; "
        "and nothing can be said about other videos."
    )


def test_a_block_lies_within_one_sequence_and_long_sequences_have_more():
    ids = ONE_VIDEO + [f"0001TP_{frame:06}" for frame in range(200)]
    clusters = make_clusters("auto", ids, "folder")
    assert list(sizes(clusters).values()) == [25] * 10
    assert [name.split()[0] for name in clusters.names] == ["0001TP"] * 8 + ["0016E5"] * 2
    assert clusters.caveat is not None
    assert clusters.caveat.startswith("The 250 images come from 2 video sequences (0001TP, 0016E5)")


def test_a_video_of_few_frames_has_a_block_for_each():
    clusters = make_clusters("auto", ONE_VIDEO[:3], "folder")
    assert (clusters.kind, len(clusters.names)) == ("block", 3)


def test_frames_are_ordered_by_number_not_as_text():
    ids = [f"a1_{frame}" for frame in (1, 2, 9, 10, 11, 20, 100)]
    ids += [f"a1_{frame}" for frame in (101, 102, 103, 104, 105, 106)]
    clusters = make_clusters("auto", ids, "folder")
    assert (np.diff(clusters.index) >= 0).all()


def test_the_effective_number_is_the_count_where_clusters_are_of_one_size():
    assert make_clusters("none", CITYSCAPES, "cityscapes").effective == len(CITYSCAPES)
    assert make_clusters("auto", ONE_VIDEO, "folder").effective == 10


def test_one_large_cluster_outweighs_the_others():
    # Cityscapes val: 500 images, of which 212 and 55 are of one sequence each.
    ids = [f"frankfurt_000001_{frame:06}" for frame in range(212)]
    ids += [f"frankfurt_000000_{frame:06}" for frame in range(55)]
    ids += [f"munster_{sequence:06}_000019" for sequence in range(233)]
    clusters = make_clusters("auto", ids, "cityscapes")
    assert len(clusters.names) == 235
    assert clusters.effective == pytest.approx(500**2 / (212**2 + 55**2 + 233))
    assert clusters.caveat == (
        "235 clusters by sequence, the largest (frankfurt_000001) with 212 of the 500 images, tell "
        "as much as 5.2 of equal size: this makes the intervals wide."
    )


def test_many_clusters_need_no_caveat():
    ids = [f"munster_{sequence:06}_000019" for sequence in range(30)]
    assert make_clusters("auto", ids, "cityscapes").caveat is None


@pytest.mark.parametrize(
    ("kind", "ids", "data_format", "fault"),
    [
        ("sequense", CITYSCAPES, "cityscapes", "did you mean 'sequence'"),
        ("city", ONE_VIDEO, "folder", "name no city"),
        ("sequence", ["0", "1"], "synthetic", "format synthetic name no sequence"),
        ("sequence", ONE_VIDEO, "folder", "one sequence (0016E5)"),
        ("city", CITYSCAPES[:5], "cityscapes", "one city (frankfurt)"),
        (
            "none",
            ["0"],
            "synthetic",
            "at least two images, got 0; put two or more",
        ),
    ],
)
def test_clusters_that_cannot_be_made_are_refused_with_the_way_out(kind, ids, data_format, fault):
    with pytest.raises(InputError) as refused:
        make_clusters(kind, ids, data_format)
    assert len(refused.value.faults) == 1
    assert fault in str(refused.value)
    if kind in {"sequence", "city"}:
        assert "take --cluster none, or auto" in str(refused.value)


def test_frames_that_are_resampled_one_by_one_are_said_to_be_alike():
    frames = [f"0016E5_{number:05}" for number in range(20)]
    clusters = make_clusters("none", frames, "folder")
    assert clusters.caveat is not None
    assert "their names show 1 video sequence: neighbouring frames are alike" in clusters.caveat
    assert make_clusters("none", [f"img_{n:04}" for n in range(20)], "folder").caveat is None


def test_years_are_not_videos_but_frames_after_a_word_are():
    voc = ["2007_000027", "2007_000032", "2008_000002", "2008_000007"]
    assert make_clusters("auto", voc, "folder").kind == "none"
    frames = [f"video{v:03}_frame{f:03}" for v in range(12) for f in range(3)]
    assert make_clusters("auto", frames, "folder").kind == "sequence"
    patients = [f"patient{v:03}-{f:03}" for v in range(12) for f in range(3)]
    assert make_clusters("auto", patients, "folder").kind == "sequence"
