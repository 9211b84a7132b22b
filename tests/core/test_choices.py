"""Names that rooms offer, and what is said of others."""

import subprocess
import sys
from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from segexp.core.choices import Offered
from segexp.core.config import Config
from segexp.core.config_keys import with_values
from segexp.core.errors import InputError

PLACES = (
    (
        "segexp.training.losses",
        ("boundary_ce", "ce_dice", "ce_tversky", "cross_entropy", "focal", "lovasz", "ohem"),
    ),
    ("segexp.training.schedules:SCHEDULES", ("constant", "cosine", "poly", "onecycle", "step")),
    ("segexp.training.optimizers:OPTIMIZERS", ("adamw", "sgd")),
    ("segexp.study.choices:SAMPLERS", ("tpe", "random", "gp", "cmaes", "grid")),
)


@pytest.mark.parametrize(("place", "names"), PLACES)
def test_a_room_offers_the_names_that_studies_use(place: str, names: tuple[str, ...]):
    assert set(names) <= set(Offered(place).names())


def test_no_heavy_library_is_loaded_to_check_a_name():
    places = [place for place, _ in PLACES] + ["segexp.study.choices:PRUNERS"]
    code = (
        "import sys\n"
        "from segexp.core.choices import Offered\n"
        f"for place in {places}: Offered(place).names()\n"
        "print([m for m in ('torch', 'optuna', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("value", ["cosin", 3, None, True, ["cosine"]])
def test_what_no_room_offers_is_refused_with_the_names(value: object):
    class Section(BaseModel):
        schedule: Annotated[str, Offered("segexp.training.schedules:SCHEDULES")]

    with pytest.raises(ValidationError) as refused:
        Section(schedule=value)
    (fault,) = refused.value.errors()
    expected = "'constant', 'cosine', 'poly', 'onecycle' or 'step'"
    assert (fault["type"], fault["msg"]) == ("literal_error", f"Input should be {expected}")


def test_a_wrong_word_is_answered_with_the_one_that_was_probably_meant():
    with pytest.raises(InputError, match="did you mean 'lovasz'"):
        with_values(Config(), {"loss": "lovas"})
