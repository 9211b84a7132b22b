"""What a bundle's README.md says."""

import json
import math
from dataclasses import replace
from pathlib import Path

from harness.project import ROOT
from segexp.training.bundle import Bundle, save_bundle
from segexp.training.model_card import model_card


def card_of(bundle: Bundle) -> str:
    name = f"{bundle.arch} on {bundle.encoder}"
    return model_card(name, bundle.mapping, bundle.preprocessing, bundle.scores, bundle.origin)


def test_it_has_the_classes_by_index_with_their_labels(bundle: Bundle) -> None:
    lines = card_of(bundle).splitlines()
    assert lines[0] == "# Unet on mobilenet_v2, camvid_merged6"
    for index, each in enumerate(bundle.mapping.classes):
        assert f"| {index} | {each.name} | {', '.join(each.labels)} |" in lines


def test_it_has_the_scores_of_both_splits_and_says_what_they_lack(bundle: Bundle) -> None:
    scores = {"val/miou": 0.51234, "heldout/miou": 0.4, "heldout/miou_common": math.nan}
    text = card_of(replace(bundle, scores=scores))
    assert "|  | tuning images | held-out images |" in text
    assert "| miou | 0.5123 | 0.4000 |" in text
    assert "| miou_common | - | - |" in text
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = (
        "the finest label space in which each class of several mappings falls whole into one class"
    )
    assert f"| common space | {words} |" in glossary
    assert f"the common space: {words}." in text
    assert "the common space" not in card_of(replace(bundle, scores={"val/miou": 0.5}))
    assert "another seed or other images would lead" in text
    assert "`segexp ab` gives intervals" in text
    assert "None were recorded." in card_of(replace(bundle, scores={}))


def test_a_score_has_its_interval_and_the_images_that_it_is_of(bundle: Bundle) -> None:
    scores = {"val/miou": 0.5, "heldout/miou": 0.4, "heldout/miou_low": 0.31234}
    origin = {"train_images": 48, "heldout_images": 12}
    text = card_of(replace(bundle, scores=scores | {"heldout/miou_high": 0.5}, origin=origin))
    assert "| miou | 0.5000 | 0.4000 (0.312 to 0.500) |" in text
    assert "miou_low" not in text
    assert "95% interval" in text
    assert "other images would lead" not in text
    assert "| heldout_images | 12 |" in text
    assert "trained on 48 images" in text


def test_a_model_of_drawn_scenes_says_so(bundle: Bundle) -> None:
    drawn = card_of(replace(bundle, origin={"dataset": "synthetic", "trial": 0, "run_id": None}))
    assert "Trained on synthetic scenes" in drawn
    assert "| trial | 0 |" in drawn
    assert "run_id" not in drawn
    assert "synthetic" not in card_of(replace(bundle, origin={"dataset": "camvid"}))


def test_a_name_from_a_file_makes_no_markup(bundle: Bundle) -> None:
    text = card_of(replace(bundle, origin={"dataset": "a|b\n# <b>x</b>"}))
    assert "| dataset | a\\|b # \\<b>x\\</b> |" in text


def test_what_it_says_of_loading_stands_in_the_bundle(bundle: Bundle, tmp_path: Path) -> None:
    save_bundle(tmp_path / "b", bundle)
    text = (tmp_path / "b" / "README.md").read_text(encoding="utf-8")
    content = json.loads((tmp_path / "b" / "bundle.json").read_text(encoding="utf-8"))
    assert text == card_of(bundle)
    assert f"minus {content['preprocessing']['mean']}" in text
    for name in ("bundle.json", "model.safetensors", 'content["smp"]'):
        assert name in text
