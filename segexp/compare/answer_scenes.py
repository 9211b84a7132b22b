"""The pictures of an A/B study's page, in a file: its page is drawn again without the images."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

from segexp.compare.page.pictures import ArmScene
from segexp.compare.version import SCENES_FILE, write_json
from segexp.core.errors import WorkError
from segexp.core.files import read_bounded
from segexp.report.pictures import webp_of

MAX_BYTES = 100_000_000


def write_scenes(directory: Path, scenes: Sequence[ArmScene]) -> Path:
    """Write the scenes of an answer beside it, their pictures as WebP."""
    path = directory / SCENES_FILE
    content = [
        {
            "image": scene.image_id,
            "difference": scene.difference,
            "scores": list(scene.scores),
            "picture": base64.b64encode(webp_of(scene.picture) or scene.picture).decode(),
        }
        for scene in scenes
    ]
    write_json(path, {"scenes": content})
    return path


def read_scenes(directory: Path) -> list[ArmScene]:
    """Read what `write_scenes` wrote; nothing where there is no such file.

    An earlier segexp wrote none.

    Raises:
        WorkError: When it is damaged.
    """
    path = directory / SCENES_FILE
    if not path.is_file():
        return []
    try:
        return [
            ArmScene(
                image_id=str(scene["image"]),
                difference=float(scene["difference"]),
                scores=tuple(map(float, scene["scores"])),
                picture=base64.b64decode(scene["picture"], validate=True),
            )
            for scene in json.loads(read_bounded(path, MAX_BYTES))["scenes"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise WorkError(f"{path}: is damaged: {error!r}; delete it and try again") from None
