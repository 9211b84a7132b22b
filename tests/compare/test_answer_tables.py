from segexp.compare.answer_tables import answer_tables
from tests.compare.page.ab_page_example import THREE


def test_every_arm_pair_and_class_of_a_pair_is_a_row() -> None:
    classes = [c["name"] for c in THREE["common_space"]["classes"]]
    per_class = [{**row, "group": "merged"} for row in THREE["pairs"][0]["per_class"]]
    pairs = [{**pair, "per_class": per_class} for pair in THREE["pairs"]]
    pairs[1]["interval"] = None  # nothing is known of it
    tables = answer_tables({**THREE, "pairs": pairs})
    lengths = {name: {len(c) for c in columns.values()} for name, columns in tables.items()}
    assert lengths == {
        "ab_arms.json": {3},
        "ab_pairs.json": {3},
        "ab_classes.json": {3 * len(classes)},
    }
    assert tables["ab_arms.json"]["mapping"] == ["cityscapes19", "merged10", "categories7"]
    assert tables["ab_arms.json"]["miou_native"] == [a["native"]["mean"] for a in THREE["arms"]]
    assert tables["ab_pairs.json"]["low"][0] == pairs[0]["interval"][0]
    assert (tables["ab_pairs.json"]["low"][1], tables["ab_pairs.json"]["high"][1]) == (None, None)
    assert tables["ab_classes.json"]["class"] == 3 * classes
    assert tables["ab_classes.json"]["pair"][0] == "merged10 - cityscapes19"
