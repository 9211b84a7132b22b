"""The section that shows images."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from segexp.compare.page.numbers import plain, signed
from segexp.compare.page.pictures import ArmScene
from segexp.compare.page.view import AbView
from segexp.report.gallery import GALLERY_FILE
from segexp.report.page import Part, Section, image, markup, note, paragraph, subheading
from segexp.report.trial_gallery import TRIALS_FILE


def images_section(view: AbView) -> Iterator[Section]:
    """The pictures, from the largest gain to the largest loss of the last arm."""
    names, scenes = view.names, view.scenes
    first, last = names[0], names[-1]
    of_trials = [] if view.is_masks else [_trials()]
    if not scenes:
        yield Section("Images", [paragraph("No images were kept."), *of_trials])
        return
    parts: list[Part] = [
        markup(
            "link_in",
            "All arms side by side, sorted by difference and by class, to swipe between: ",
            GALLERY_FILE,
            "the gallery",
        ),
        *of_trials,
        paragraph(
            "Scores are the mIoU of each image in the common space, over the classes in it, "
            "averaged over the runs. The pictures show the first run."
        ),
    ]
    if len(scenes) < view.result["images"]:
        extremes = note(
            f"These {len(scenes)} of {view.result['images']:,} images are the extremes, not a "
            f"sample: where {last} gains most on {first}, and where it gains least or loses. The "
            "verdict uses all images."
        )
        parts.insert(1 + len(of_trials), extremes)
    ordered = sorted(scenes, key=lambda scene: -scene.difference)
    groups = [
        (f"Where {last} scores higher than {first}", [s for s in ordered if s.difference > 0]),
        ("Where they score the same", [s for s in ordered if s.difference == 0]),
        (f"Where {last} scores lower than {first}", [s for s in ordered if s.difference < 0]),
    ]
    for title, members in groups:
        if members:
            parts.append(subheading(title))
            parts += [_scene_markup(scene, names) for scene in members]
    yield Section("Images", parts)


def _trials() -> Markup:
    said = "Tuning images as every trial of each arm predicts them, sorted by score: "
    return markup("link_in", said, TRIALS_FILE, "the trials side by side")


def _scene_markup(scene: ArmScene, names: Sequence[str]) -> Markup:
    scores = ", ".join(
        f"{name} {plain(score)}" for name, score in zip(names, scene.scores, strict=True)
    )
    caption = f"{scene.image_id}: {signed(scene.difference)} ({scores})"
    alt = (
        f"{scene.image_id}: image, ground truth, the predictions of {', '.join(names)}, and where "
        f"{names[0]} and {names[-1]} differ"
    )
    return image(scene.picture, alt, caption)
