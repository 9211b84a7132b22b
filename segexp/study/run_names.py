"""What the runs of a study and its trials are called in MLflow, so that its list can be read."""

from segexp.core.config import Config


def trial_name(number: int, config: Config, *, is_final: bool) -> str:
    """Name the run of a trial that begins: ``0041 merged10 Segformer``.

    Args:
        is_final: Whether it is listed, and no search found it: then its seed tells it apart, as in
            ``final 0003 merged10 Unet seed 17``.
    """
    name = f"{number:04d} {config.mapping} {config.model.arch}"
    return f"final {name} seed {config.training.seed}" if is_final else name


def study_name(study: str, heldout: float) -> str:
    """Name the run of a study that has ended, whose best trial has a held-out score."""
    return f"{study}: {heldout:.3f} held-out"


def scored_name(name: str, score: float | None) -> str:
    """Add a score to the name of a run, once: ``0041 merged10 Segformer 0.497``.

    A run that was renamed, and whose process died before it ended it, is not renamed again.
    """
    text = "" if score is None else f" {score:.3f}"
    return name if name.endswith(text) else f"{name}{text}"
