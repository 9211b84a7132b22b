import pytest

from segexp.compare.folder_truth import folder_truth
from segexp.compare.page.ab_page import ab_page
from segexp.compare.predictions import MaskAnswer, compare_masks, plan_masks
from tests.compare.mask_example import COARSE, FINE, lay_out
from tests.compare.page.ab_page_example import SCENES, TWO
from tests.report.parsed import read_page


@pytest.fixture(scope="session")
def page():
    return read_page(ab_page(TWO, SCENES))


@pytest.fixture(scope="session")
def answer(tmp_path_factory: pytest.TempPathFactory) -> MaskAnswer:
    folders = lay_out(tmp_path_factory.mktemp("masks"))
    arms = {"<a>": folders["a"], "b": folders["b"]}
    truth = folder_truth(folders["truth"], FINE.taxonomy, "folder")
    study = plan_masks("masks", arms, {"<a>": FINE, "b": COARSE}, truth)
    return compare_masks(study, "none", 0.01)
