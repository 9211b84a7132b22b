"""Examples at the end of every command's help."""

import inspect
from collections.abc import Callable
from typing import Any

import typer

EXAMPLES = {
    "": """
        segexp init streets && cd streets
        segexp tune --trials 50
        segexp best --predict IMAGE.png
    """,
    "init": """
        segexp init streets
        segexp init pets --data ~/pets --classes ~/pets/labels.txt
        segexp init own --data ~/own --set data.masks='{void: [255]}'
    """,
    "tune": """
        segexp tune --trials 50
        segexp tune camvid --data ~/camvid --timeout 2h
        segexp tune --mapping merged10 --set training.epochs=30 --workers 2
    """,
    "ab": """
        segexp ab cityscapes19 merged10 --trials 20
        segexp ab cityscapes19 merged10 --plan --margin 0.02
        segexp ab merged10 --arm 'slow: {mapping: merged10, learning_rate: 1e-4}'
        segexp ab --predictions a=masks/a --predictions b=masks/b --truth masks/truth
    """,
    "best": """
        segexp best
        segexp best default --predict street.png --out predicted
        segexp best default --json > best.json
    """,
    "compare": """
        segexp compare default
        segexp compare default merged
        segexp compare default .segexp/train/BUNDLE --split test --open
    """,
    "report": """
        segexp report
        segexp report default --open
    """,
    "train": """
        segexp train --mapping merged10
        segexp train --data ~/camvid --set model.arch=FPN --set epochs=30
    """,
    "evaluate": """
        segexp evaluate default
        segexp evaluate .segexp/train/BUNDLE --split test --space categories7
        segexp evaluate default --data ~/camvid --full-size --protocols --json
    """,
    "predict": """
        segexp predict default street.png
        segexp predict .segexp/train/BUNDLE photos --out predicted --tta flip
        segexp predict default photos --probabilities --uncertainty
        segexp predict default drive.mp4 --out predicted --frame-masks
        segexp predict default.onnx street.png
    """,
    "export": """
        segexp export default
        segexp export default --format openvino --out models/street.xml
    """,
    "worst": """
        segexp worst
        segexp worst default --class car --count 20 --out worst
    """,
    "ui": """
        segexp ui
        segexp ui default --port 5001 --no-open
    """,
    "worker": """
        segexp worker --connect 127.0.0.1:8765
        segexp worker --connect 10.0.0.5:8765 --token-file ~/token --data ~/camvid
    """,
    "sync": """
        segexp sync
    """,
    "storage-proxy": """
        segexp storage-proxy --storage-file studies.url
        segexp storage-proxy --host 10.0.0.5 --port 13000
    """,
    "doctor": """
        segexp doctor
        segexp doctor --project streets --json
    """,
    "schema": """
        segexp schema config > config.schema.json
        segexp schema mapping > mapping.schema.json
    """,
    "studies": """
        segexp studies
        segexp studies --json
        segexp studies rm default
    """,
    "studies rm": """
        segexp studies rm default
        segexp studies rm ab-cityscapes19-merged10 --yes
    """,
    "data": """
        segexp data check
        segexp data stats --mapping merged10
    """,
    "data check": """
        segexp data check --data ~/camvid --mapping camvid11
        segexp data check --json > check.json
    """,
    "data stats": """
        segexp data stats --mapping merged10 --out stats
    """,
    "data synth": """
        segexp data synth scenes --set data.synthetic.train=24
        segexp data synth pictures --png
    """,
    "mapping": """
        segexp mapping list
        segexp mapping diff cityscapes19 merged10
    """,
    "mapping list": """
        segexp mapping list
    """,
    "mapping show": """
        segexp mapping show merged10
        segexp mapping show merged10 --json
    """,
    "mapping diff": """
        segexp mapping diff cityscapes19 merged10
    """,
    "mapping common": """
        segexp mapping common cityscapes19 merged10 categories7
    """,
    "mapping check": """
        segexp mapping check merged10
        segexp mapping check camvid11 --data ~/camvid --strict
    """,
    "mapping import": """
        segexp mapping import labels.txt --new-taxonomy pets
        segexp mapping import class_dict.csv --name own --data ~/own
    """,
    "mapping suggest": """
        segexp mapping suggest --study default --classes 7
        segexp mapping suggest --study default --keep person,rider --name kept
    """,
}
"""By a command's words without `segexp`; a test parses each line as the command line does."""


def lines_of(command: str) -> list[str]:
    """Return the examples of a command."""
    return [line.strip() for line in EXAMPLES.get(command, "").strip().splitlines()]


def add_examples(app: typer.Typer, words: str = "") -> None:
    """Put examples at the end of the help of all commands, and break its lines as a screen does."""
    app.info.epilog = _epilog(words)
    callback = app.registered_callback
    if callback is not None and (text := _help(callback.callback)):  # else it is the app's own
        callback.help = text
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        command.epilog = _epilog(f"{words} {name}".strip())
        command.help = _help(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            add_examples(group.typer_instance, f"{words} {group.name}".strip())


def _help(command: Callable[..., Any] | None) -> str | None:
    """Return what a command's docstring says, a paragraph on a line: typer keeps line ends."""
    text = inspect.getdoc(command)
    return text and "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _epilog(command: str) -> str | None:
    lines = lines_of(command)
    # A paragraph each: others are joined into one line. docs/cli.md shows them as code.
    return "\n\n".join(["Examples:", *(f"    {line}" for line in lines)]) if lines else None
