"""`segexp worst`: the images that a saved model loses most on."""

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.running import Outcome, read, segexp


def test_what_its_trial_left_and_what_is_scored_now_are_the_same(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    project, _ = tuned
    stored = read(segexp(project, "worst", "tiny", "--json"))
    scored = read(segexp(project, "worst", "--json", "--split", "test"))
    assert stored["images"] == scored["images"]
    assert len(stored["images"]) == 3
    shares = [image["wrong"] for image in stored["images"]]
    assert shares == sorted(shares, reverse=True)
    for image in stored["images"]:
        assert sum(image["missed"].values()) == round(image["wrong"] * image["pixels"])
    shown = segexp(project, "worst", "tiny", "--count", "1", "--out", str(tmp_path / "worst"))
    assert shown.code == 0, shown.err
    assert "heldout (3 images, as its trial scored them)" in shown.out
    (picture,) = (tmp_path / "worst").iterdir()
    assert str(picture) in shown.out
    assert stored["images"][0]["image"] in shown.out
    assert Image.open(picture).width > 4 * 240


def test_other_data_than_the_models_is_scored_now_with_a_warning(
    tuned: tuple[Path, Outcome], tmp_path: Path
) -> None:
    words = ("--set", "data.synthetic.seed=9", "--out", str(tmp_path / "worst"))
    shown = segexp(tuned[0], "worst", "tiny", *words)
    assert shown.code == 0, shown.err
    assert "heldout (3 images, scored now)" in shown.out
    said = " ".join(shown.err.split())
    assert "warning: the model was trained on synthetic (" in said
    assert "), and synthetic has other data (" in said


def test_a_class_is_gone_by_its_lost_pixels(tuned: tuple[Path, Outcome]) -> None:
    project, _ = tuned
    found = read(segexp(project, "worst", "tiny", "--class", "road", "--count", "2", "--json"))
    lost = [image["missed"]["road"] + image["false"]["road"] for image in found["images"]]
    assert lost == sorted(lost, reverse=True)
    shown = segexp(project, "worst", "tiny", "--class", "road")
    assert "road lost" in shown.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--class", "rode"), "did you mean 'road'?"),
        (("--split", "hold"), "--split 'hold'"),
        (("--out", "config.yaml"), "config.yaml is no folder"),
    ],
)
def test_wrong_words_are_refused(
    tuned: tuple[Path, Outcome], words: tuple[str, ...], expected: str
) -> None:
    outcome = segexp(tuned[0], "worst", "tiny", *words)
    assert outcome.code == 2
    assert expected in outcome.err
