"""What the tests of the page and of its sections show: made-up results, and pictures."""

from segexp.compare.page.pictures import ArmScene
from tests.compare.page.ab_example import ab_example

TWO = ab_example()
THREE = ab_example(("cityscapes19", "merged10", "categories7"))
MATCHED = ab_example(mode="matched")
SHARED = ab_example(mode="shared")


def scene(image_id, difference, arms=2):
    return ArmScene(image_id, difference, (0.4,) * (arms - 1) + (0.4 + difference,), b"\x89PNG")


SCENES = [scene("one", 0.01), scene("two", -0.2), scene("three", 0.3), scene("four", -0.05)]
