"""`segexp mapping`: list, show, diff, common and check."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.trees import camvid_like, save
from tests.cli.running import for_people, read, segexp, the_fault


def configure(project: Path, **data: str) -> None:
    """Set keys of the section `data` in the project's config.yaml."""
    path = project / "config.yaml"
    content = yaml.safe_load(path.read_text())
    content["data"] |= data
    path.write_text(yaml.safe_dump(content))


def test_list_shows_each_mapping_and_what_it_coarsens(project: Path) -> None:
    said = for_people(segexp(project, "mapping", "list"))
    (row,) = [line for line in said.splitlines() if "│ merged10 " in line]
    assert "cityscapes19" in row
    assert "10" in row
    assert "pole, bicycle" in row
    listed = {m["name"]: m for m in read(segexp(project, "mapping", "list", "--json"))["mappings"]}
    assert listed.keys() == {path.stem for path in (project / "mappings").glob("*.yaml")}
    assert listed["camvid_merged6"]["coarsens"] == ["camvid11"]
    assert listed["merged10"]["void"] == ["pole", "bicycle"]
    assert len(listed["cityscapes19"]["classes"]) == 19


def test_list_shows_a_broken_file_with_every_reason(project: Path) -> None:
    path = project / "mappings" / "mine.yaml"
    path.write_text("name: yours\ntaxonomy: cityscapes19\nclasses: []\nvoid: [raod]\n")
    said = for_people(segexp(project, "mapping", "list"))
    assert "broken: mine.yaml" in said
    assert "name: 'yours'" in said
    assert "'raod' is not a label of cityscapes19 (did you mean 'road'?)" in said
    (broken,) = read(segexp(project, "mapping", "list", "--json"))["broken"]
    assert broken["file"] == str(path)
    assert len(broken["faults"]) > 2


def test_show_has_a_row_a_class_and_void_last(project: Path) -> None:
    said = for_people(segexp(project, "mapping", "show", "merged10"))
    rows = [line for line in said.splitlines() if line.startswith("│")]
    assert len(rows) == 11
    assert "0" in rows[0] and "#804080" in rows[0] and "road, sidewalk" in rows[0]
    assert "void" in rows[-1] and "pole, bicycle" in rows[-1]
    shown = read(segexp(project, "mapping", "show", "merged10", "--json"))
    assert shown["classes"][0] == {
        "name": "road",
        "color": [128, 64, 128],
        "labels": ["road", "sidewalk"],
    }


def test_names_with_square_brackets_are_shown_as_they_are(project: Path) -> None:
    path = project / "mappings" / "mine.yaml"
    text = (project / "mappings" / "camvid_merged6.yaml").read_text()
    text = text.replace("name: camvid_merged6", "name: mine").replace("name: sky,", "name: '[b]',")
    path.write_text(text)
    assert "[b]" in for_people(segexp(project, "mapping", "show", "mine"))
    assert "[b]" in for_people(segexp(project, "mapping", "diff", "camvid11", "mine"))


def test_an_unknown_mapping_is_answered_with_the_nearest(project: Path) -> None:
    for words in (["show", "merged11"], ["diff", "merged11", "merged10"], ["check", "merged11"]):
        assert "did you mean 'merged10'?" in the_fault(segexp(project, "mapping", *words))


def test_diff_tells_what_is_merged_and_dropped(project: Path) -> None:
    said = for_people(segexp(project, "mapping", "diff", "cityscapes19", "merged10"))
    assert "merged: truck, bus, train -> large_vehicle" in said
    assert "dropped: pole, bicycle" in said
    assert "merged10 coarsens cityscapes19" in said
    (row,) = [line for line in said.splitlines() if line.startswith("│ wall ")]
    assert "structure" in row and "merged" in row
    found = read(segexp(project, "mapping", "diff", "cityscapes19", "merged10", "--json"))
    assert (found["first"], found["second"]) == ("cityscapes19", "merged10")
    assert found["relation"] == "coarser"
    assert found["dropped"] == ["pole", "bicycle"]
    assert found["merged"]["person"] == ["person", "rider"]
    assert {"label": "pole", "first": "pole", "second": None, "change": "dropped"} in found[
        "labels"
    ]


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        ("merged10", "cityscapes19", "merged10 coarsens cityscapes19"),
        ("merged10", "categories7", "neither coarsens the other"),
        ("merged10", "merged10", "merged10 and merged10 are the same label space"),
    ],
)
def test_diff_ends_with_how_the_spaces_relate(
    project: Path, first: str, second: str, line: str
) -> None:
    said = for_people(segexp(project, "mapping", "diff", first, second))
    assert said.strip().splitlines()[-1].startswith(line)


def test_common_says_which_class_falls_where(project: Path) -> None:
    names = ["merged10", "cityscapes19"]
    said = for_people(segexp(project, "mapping", "common", *names))
    assert "common space of merged10, cityscapes19: 10 classes" in said
    assert "can still be predicted" in said
    found = read(segexp(project, "mapping", "common", *names, "--json"))
    assert found["mappings"] == names
    assert found["none"] == {"merged10": [], "cityscapes19": ["pole", "bicycle"]}
    person = next(c for c in found["classes"] if c["name"] == "person")
    assert person["from"] == {"merged10": ["person"], "cityscapes19": ["person", "rider"]}


def test_mappings_over_different_taxonomies_are_never_compared(project: Path) -> None:
    for command in ("diff", "common"):
        outcome = segexp(project, "mapping", command, "merged10", "camvid11")
        assert "different taxonomies" in the_fault(outcome)


def test_one_mapping_has_no_common_space(project: Path) -> None:
    for names in (["merged10"], ["merged10", "merged10"]):
        fault = the_fault(segexp(project, "mapping", "common", *names))
        assert "name two or more" in fault


def test_a_common_space_of_one_class_is_refused_with_the_chain(project: Path) -> None:
    halves = {"odd": [["road", "sky"], ["car"]], "even": [["sky", "car"], ["road"]]}
    taxonomy = "\n".join(
        f"  - {{name: {name}, id: {place}, color: [0, 0, {place}]}}"
        for place, name in enumerate(["road", "sky", "car"])
    )
    tiny = project / "mappings" / "taxonomies" / "tiny.yaml"
    tiny.write_text(f"name: tiny\nlabels:\n{taxonomy}\n")
    for name, groups in halves.items():
        classes = "\n".join(
            f"  - {{name: c{place}, color: [9, 9, {place}], labels: [{', '.join(group)}]}}"
            for place, group in enumerate(groups)
        )
        text = f"name: {name}\ntaxonomy: tiny\nclasses:\n{classes}\nvoid: []\n"
        (project / "mappings" / f"{name}.yaml").write_text(text)
    fault = the_fault(segexp(project, "mapping", "common", "odd", "even"))
    assert "has 1 class(es)" in fault
    assert "odd.c0 joins road, sky; even.c0 joins sky, car" in fault


def test_check_takes_the_configured_data_and_exits_with_0(project: Path) -> None:
    said = for_people(segexp(project, "mapping", "check", "merged10"))
    assert "data: synthetic" in said
    assert "warning: classes 'vegetation' [107, 142, 35] and 'person'" in said
    assert said.strip().splitlines()[-1].endswith("warning(s)")


def test_check_strict_exits_with_1_on_a_warning(project: Path) -> None:
    outcome = segexp(project, "mapping", "check", "merged10", "--strict")
    assert outcome.code == 1
    assert "error: --strict:" in outcome.err


def test_check_prints_one_object_of_warnings(project: Path) -> None:
    found = read(segexp(project, "mapping", "check", "merged10", "--json"))
    assert found["mapping"] == "merged10"
    assert found["data"] == {"dataset": "synthetic", "format": "synthetic"}
    assert all(set(warning) == {"kind", "message"} for warning in found["warnings"])
    assert "look-alike-colors" in {warning["kind"] for warning in found["warnings"]}


def test_check_looks_at_the_data_that_is_named(project: Path, tmp_path: Path) -> None:
    root = camvid_like(tmp_path / "data", train=5, val=2, test=1)  # raw ids 0..9: no bicyclist
    (project / "mappings" / "mine.yaml").write_text(
        (project / "mappings" / "camvid11.yaml")
        .read_text()
        .replace("name: camvid11", "name: mine", 1)
        .replace("  - {name: road,        color: [128, 64, 128], labels: [road]}\n", "")
        .replace("void: []", "void: [road]")
    )
    outcome = segexp(project, "mapping", "check", "mine", "--data", str(root))
    said = for_people(outcome)
    assert "1 label of camvid11 never in the 5 train images: bicyclist (in bicyclist)" in said
    assert "class 'bicyclist' (bicyclist) is empty" in said
    assert "over 5%: road" in said
    assert "off by one" not in said
    more = ["--max-void", "0.9", "--min-share", "0.3", "--json"]
    found = read(segexp(project, "mapping", "check", "mine", "--data", str(root), *more))
    kinds = [warning["kind"] for warning in found["warnings"]]
    assert "hidden-pixels" not in kinds
    assert kinds.count("rare-class") == 9  # all but bicyclist, which is empty


def test_check_without_fitting_data_looks_at_the_colours_alone(project: Path) -> None:
    said = for_people(segexp(project, "mapping", "check", "camvid11"))
    assert "note: only the colours are checked, without data: mapping 'camvid11' is over" in said
    assert "'building' [128, 0, 0] and 'pedestrian'" in said
    found = read(segexp(project, "mapping", "check", "camvid11", "--json"))
    assert found["data"] is None
    assert found["unchecked"].startswith("mapping 'camvid11' is over the taxonomy camvid11")
    assert read(segexp(project, "mapping", "check", "merged10", "--json"))["unchecked"] is None
    strict = segexp(project, "mapping", "check", "camvid11", "--strict")
    assert strict.code == 1
    assert "error: --strict: nothing was counted in data: mapping 'camvid11'" in strict.err


def test_check_refuses_data_of_the_configuration_that_it_cannot_read(
    project: Path, tmp_path: Path
) -> None:
    root = camvid_like(tmp_path / "data", train=2, val=2, test=1)
    save(root / "trainannot" / "train_0.png", np.full((6, 8), 77, np.uint8))
    configure(project, root=str(root), format="folder")
    for words in ([], ["--json"], ["--strict"]):
        outcome = segexp(project, "mapping", "check", "camvid11", *words)
        assert "raw id 77 (48 px)" in the_fault(outcome)


def test_check_goes_on_without_a_folder_that_nobody_named_on_the_command_line(
    project: Path,
) -> None:
    configure(project, root="nowhere", format="auto")
    said = for_people(segexp(project, "mapping", "check", "merged10"))
    assert "only the colours are checked, without data: data.root:" in said
    outcome = segexp(project, "mapping", "check", "merged10", "--set", "data.root=elsewhere")
    assert "elsewhere: no such folder" in the_fault(outcome)


def test_check_refuses_data_that_is_named_but_does_not_fit(project: Path, tmp_path: Path) -> None:
    root = camvid_like(tmp_path / "data", train=2, val=2, test=1)
    fault = the_fault(segexp(project, "mapping", "check", "merged10", "--data", str(root)))
    assert "is labelled in camvid11; take one that fits it as MAPPING: camvid11, camv" in fault
    assert "--mapping" not in fault  # an option that it has not
    save(root / "trainannot" / "train_0.png", np.full((6, 8), 77, np.uint8))
    outcome = segexp(project, "mapping", "check", "camvid11", "--data", str(root))
    assert "raw id 77 (48 px)" in the_fault(outcome)
