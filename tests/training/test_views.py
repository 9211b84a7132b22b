import pytest

from segexp.core.errors import InputError
from segexp.training.views import ONE_VIEW, Views, parse_views


def test_views_are_read_as_they_are_written():
    assert parse_views(None) == ONE_VIEW
    assert parse_views("flip") == Views(True)
    assert parse_views("scales=0.75,1,1.25") == Views(False, (0.75, 1.0, 1.25))
    found = parse_views("flip, scales=0.5,2")
    assert found == parse_views("scales=0.5,2,flip") == Views(True, (0.5, 2.0))
    assert list(found) == [(0.5, False), (0.5, True), (2.0, False), (2.0, True)]
    assert len(found) == 4
    assert parse_views(str(found)) == found
    assert (str(ONE_VIEW), str(Views(True))) == ("", "flip")


def test_every_fault_of_the_option_is_told_with_what_to_write():
    with pytest.raises(InputError) as caught:
        parse_views("flipp,scales=0.1,1,1,a,")
    faults = caught.value.faults
    assert len(faults) == 5
    assert "'flipp' is neither flip nor scales=..." in faults[0]
    assert "did you mean 'flip'?" in faults[0]
    assert "scale 0.1 is not within 0.25 and 4" in faults[1]
    assert "scale 1 is there twice" in faults[2]
    assert "'a' has no number" in faults[3]
    assert all(fault.endswith("write it as flip,scales=0.75,1,1.25") for fault in faults)
    with pytest.raises(InputError, match="nan is not within"):
        parse_views("scales=nan")
    with pytest.raises(InputError, match="11 scales; at most 10"):
        parse_views("scales=" + ",".join(f"{1 + i / 100}" for i in range(11)))
