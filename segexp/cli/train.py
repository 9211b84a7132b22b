"""``segexp train``."""

import shlex

from segexp.cli.console import (
    answer,
    class_table,
    classes_text,
    print_table,
    prose,
    recall_warnings,
    results,
    say,
)
from segexp.cli.live import LiveDisplay
from segexp.cli.options import (
    NOT_BEGUN,
    Data,
    Debug,
    Format,
    MappingName,
    Project,
    Set,
    open_project,
    read_config,
)
from segexp.core.overrides import data_overrides
from segexp.core.signals import interruption_leaves


def train(
    data: Data = None,
    format_name: Format = None,
    mapping: MappingName = None,
    set_: Set = None,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Train the configuration of config.yaml, recorded in MLflow like a trial."""
    root = open_project(project)
    config = read_config(root, data_overrides(data, format_name, mapping), set_)

    from segexp.core.damaged_database import refuse_damaged
    from segexp.core.disk import full_disk_explained
    from segexp.data.warnings import refuse_data

    with full_disk_explained(root), LiveDisplay(epoch_lines=True) as display:
        with interruption_leaves(NOT_BEGUN):
            refuse_damaged(root, {"tracking.uri": config.tracking.uri})
            refuse_data(root, config, [config.mapping], display.caching, by_own=True)
            display.say("loading torch and mlflow ...")
            from segexp.study.single import run_training
            from segexp.training.compute import choose_compute

            devices = config.training.devices
            display.say(
                f"{config.model.arch} {config.model.encoder}, mapping {config.mapping}, "
                f"{choose_compute(config.training.precision).description}"
                f"{f', {devices} devices' if devices > 1 else ''}"
            )
        run_id, result, warnings = run_training(root, config, display)
    from segexp.evaluation.metrics import OWN

    scores = result.heldout or result.val
    table = dict(scores.tables[OWN])
    counted = classes_text(scores.scores[OWN], len(table["class"]))
    print_table(class_table("per class, held-out images", table))
    miou, heldout = result.val.of("miou"), scores.of("miou")
    answer(
        f"mIoU {miou:.4f} on val in epoch {result.best_epoch}, {heldout:.4f} on "
        f"held-out images, over {counted}; {result.seconds:.0f} s"
    )
    if result.size_note:
        prose(result.size_note, results)
    recall_warnings(warnings)
    answer(f"bundle: {result.bundle}")
    answer(f"MLflow run: {run_id}")
    say(f"look next:  segexp predict {shlex.quote(str(result.bundle))} IMAGE.png")
