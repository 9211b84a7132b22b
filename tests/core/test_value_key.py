"""Whether two values of one parameter are the same."""

import itertools

import pytest

from segexp.core.value_key import arch_key, value_key


def test_spellings_of_an_architecture_are_one_value_and_of_an_encoder_not() -> None:
    assert value_key("arch", "UNet") == value_key("arch", "u-net")
    assert value_key("encoder", "resnet18") != value_key("encoder", "ResNet18")


def test_a_float_is_the_same_but_for_its_last_digits() -> None:
    assert value_key("augmentation", 0.1 + 0.2) == value_key("augmentation", 0.3)
    assert value_key("augmentation", 0.3 + 1e-9) != value_key("augmentation", 0.3)


def test_values_of_different_types_differ() -> None:
    values = [None, "None", False, 0, 0.0, "0"]
    for one, other in itertools.permutations(values, 2):
        assert value_key("x", one) != value_key("x", other)


@pytest.mark.parametrize("spelling", ["unet++", "UNet++", "Unet_plus_plus", "unetplusplus"])
def test_an_architecture_is_known_however_it_is_written(spelling: str) -> None:
    assert arch_key(spelling) == "unetplusplus"
