from pathlib import Path

import numpy as np
import pytest

from segexp.compare.answer_scenes import read_scenes, write_scenes
from segexp.compare.page.pictures import ArmScene
from segexp.core.errors import WorkError
from segexp.report.pictures import encode_png, is_webp, webp_of


def test_scenes_are_read_as_they_were_written_with_the_picture_that_the_page_shows(
    tmp_path: Path,
) -> None:
    assert read_scenes(tmp_path) == []  # of an earlier segexp
    png = encode_png(np.random.default_rng(0).integers(0, 255, (8, 12, 3), np.uint8))
    path = write_scenes(tmp_path, [ArmScene("aachen_01", -0.25, (0.5, 0.25), png)])
    (scene,) = read_scenes(tmp_path)
    assert (scene.image_id, scene.difference, scene.scores) == ("aachen_01", -0.25, (0.5, 0.25))
    assert is_webp(scene.picture)
    assert scene.picture == webp_of(png)
    path.write_text('{"scenes": [{"image": "x"}]}', encoding="utf-8")
    with pytest.raises(WorkError, match=r"ab_scenes\.json: is damaged: KeyError\('difference'\)"):
        read_scenes(tmp_path)
