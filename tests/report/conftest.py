import pytest

from segexp.report.study_page import study_page
from segexp.study.attributes import (
    CONSTANT,
    DEFINITION,
)
from segexp.study.view import view_study
from tests.report.parsed import read_page
from tests.report.study_example import make_study


@pytest.fixture(scope="session")
def study():
    study = make_study(30)
    study.set_user_attr(CONSTANT, {"class": "road", "val": 0.0361, "heldout": 0.0355})
    definition = {"objective": "val/miou_common", "data": "synthetic 1234"}
    study.set_user_attr(DEFINITION, definition)
    return study


@pytest.fixture(scope="session")
def page(study):
    return read_page(study_page(view_study(study)))
