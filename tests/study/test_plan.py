"""A study before it runs: what is checked."""

from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.study.config import read_study
from segexp.study.plan import plan_study
from segexp.study.read_space import read_space
from tests.tiny_study import definition_of, planned


def test_the_shipped_default_study_is_planned_with_its_baseline_and_common_space(
    project: Path,
) -> None:
    plan = planned(project)
    assert list(plan.base.mappings) == ["cityscapes19", "merged10"]
    # merged10 coarsens cityscapes19, so it is the finest space that coarsens both.
    assert plan.base.common.names == plan.base.mappings["merged10"].names
    assert set(plan.baseline) == set(plan.base.space)
    assert plan.baseline["mapping"] == "cityscapes19"
    assert plan.baseline["encoder"] == "resnet18"
    assert plan.baseline["arch"] == "Unet"  # not named in the study: config.yaml's own
    assert plan.base.source.format == "synthetic"


def test_a_floor_on_a_label_says_which_class_it_is_about_once(project: Path) -> None:
    said: list[str] = []
    constraints = {"constraints": {"iou/bus": ">= 0.2", "iou/road": ">= 0.3"}}
    path, found, config = read_study(project, "default", constraints)
    searched = read_space(str(path), found, config)
    plan = plan_study(project, str(path), found, config, searched, said.append)
    holder = next(c.name for c in plan.base.common.classes if "bus" in c.labels)
    assert holder != "bus"
    assert [line for line in said if "floor" in line] == [
        f"constraints.iou/bus: the floor is on iou/{holder}, the class of the common space "
        "that holds the label bus"
    ]


def test_one_mapping_is_its_own_common_space(project: Path) -> None:
    plan = planned(project, mapping="merged10")
    assert list(plan.base.mappings) == ["merged10"]
    assert plan.base.common.names == plan.base.mappings["merged10"].names
    assert "mapping" not in plan.base.space


def test_faults_of_model_mapping_sampler_and_pruner_are_listed_together(project: Path) -> None:
    with pytest.raises(InputError) as caught:
        planned(
            project,
            **{
                "space.mapping": ["cityscapes19", "merged11"],
                "space.arch": ["Unet", "Unnet"],
                "sampler.options": {"a": 1},
                "pruner.options": {"b": 1},
            },
        )
    text = str(caught.value)
    for words in ("'merged10'", "'Unet'", "sampler: tpe: ", "pruner: successive_halving: "):
        assert words in text
    assert len(caught.value.faults) == len(set(caught.value.faults)) == 4


def test_a_mapping_of_another_taxonomy_than_the_datas_is_refused(project: Path) -> None:
    with pytest.raises(InputError) as caught:
        planned(project, **{"space.mapping": ["cityscapes19", "camvid11"]})
    assert "'camvid11' is over the taxonomy camvid11" in str(caught.value)


def test_a_study_with_nothing_to_search_is_sent_to_train(project: Path) -> None:
    (project / "studies" / "one.yaml").write_text("name: one\nspace: {mapping: [merged10]}\n")
    with pytest.raises(InputError, match="`segexp train` trains once"):
        planned(project, "one", mapping="merged10")


PAIRS = {
    "space.arch": ["Unet", "DPT", "Linknet"],
    "space.encoder": ["resnet18", "mit_b0"],
    "space.batch_size": [1, 3],
    "mapping": "merged10",
}


def test_a_baseline_that_cannot_be_trained_is_refused_with_its_reason(project: Path) -> None:
    with pytest.raises(InputError) as caught:
        planned(project, **PAIRS, **{"baseline.arch": "DPT"})
    (fault,) = caught.value.faults
    assert "baseline: arch DPT, encoder resnet18 cannot be trained: it needs a timm" in fault


def test_a_study_whose_one_pair_cannot_be_trained_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match="DPT on resnet18: it needs a timm encoder"):
        planned(project, arch="DPT", encoder="resnet18")


def test_a_study_may_exclude_what_is_not_wanted(project: Path) -> None:
    exclude = [{"model.arch": "Unet", "encoder": "mit_b0"}, {"batch_size": 1}]
    plan = planned(project, **PAIRS, exclude=exclude, **{"baseline.batch_size": 3})
    fit = {"arch": "Unet", "encoder": "resnet18", "batch_size": 3}
    assert plan.points.allows(fit)
    assert not plan.points.allows({**fit, "encoder": "mit_b0"})
    assert not plan.points.allows({**fit, "batch_size": 1})
    assert definition_of(plan) == definition_of(
        planned(project, **PAIRS, **{"baseline.batch_size": 3})
    )


def test_an_excluded_baseline_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match="baseline: encoder resnet18 is excluded"):
        planned(project, **PAIRS, exclude=[{"encoder": "resnet18"}])


def test_every_fault_of_what_is_excluded_is_listed(project: Path) -> None:
    exclude = [
        {"arch": "Linkent", "batch_size": 2},
        {"encodr": "mit_b0"},
        {"learning_rate": 1e-3},
        {"arch": "Unet"},
    ]
    with pytest.raises(InputError) as caught:
        planned(project, **PAIRS, exclude=exclude, **{"baseline.arch": "Linknet"})
    arch, size, name, endless = caught.value.faults
    assert "exclude.0.arch: 'Linkent' is not in the space" in arch
    assert "did you mean 'Linknet'?" in arch
    assert "exclude.0.batch_size: 2 is not in the space: 1, 3" in size
    assert "exclude.1.encodr: not in the space (did you mean 'encoder'?)" in name
    assert "exclude.2.learning_rate: is a range without steps" in endless


def test_a_float_that_is_counted_in_steps_is_excluded(project: Path) -> None:
    """0.1 + 0.2 is 0.30000000000000004, and a fifth of a third is no number with an end."""
    space = {"space.augmentation": {"low": 0.1, "high": 0.5, "step": 0.2}}
    plan = planned(
        project, **space, exclude=[{"augmentation": 0.3}], **{"baseline.augmentation": 0.1}
    )
    assert plan.points.allows({"augmentation": 0.5})
    assert not plan.points.allows({"augmentation": 0.1 + 0.2})
    third = {"space.augmentation": {"low": 0.0, "high": 1.0, "step": 1 / 3}}
    baseline = {"baseline.augmentation": 0.6666666667}
    plan = planned(project, **third, exclude=[{"augmentation": 0.3333333333}], **baseline)
    assert not plan.points.allows({"augmentation": 1 / 3})
    assert plan.baseline["augmentation"] == 2 / 3


def test_an_excluded_architecture_is_known_in_every_spelling(project: Path) -> None:
    exclude = [{"arch": "unet", "encoder": "mit_b0"}]
    pairs = {key: value for key, value in PAIRS.items() if key != "space.arch"}
    assert planned(project, **pairs, arch="Unet", exclude=exclude).forbidden == (
        {"encoder": "mit_b0"},
    )


def test_names_that_nothing_has_are_faults_of_what_is_excluded(project: Path) -> None:
    exclude = [{"mapping": "merged11"}, {"arch": "Unnet", "encoder": "resnet81"}]
    searched = {"space.learning_rate": [1e-3, 1e-2], "baseline.learning_rate": 1e-3}
    fixed = {"mapping": "merged10", "arch": "Unet", "encoder": "resnet18"}
    with pytest.raises(InputError) as caught:
        planned(project, **searched, **fixed, exclude=exclude)
    mapping, arch, encoder = caught.value.faults
    assert ": exclude.0.mapping: " in mapping and "did you mean 'merged10'?" in mapping
    assert arch.endswith("(did you mean 'Unet'?)") and ": exclude.1.arch: " in arch
    assert "exclude.1.encoder: " in encoder and "'resnet81' is neither" in encoder


def test_what_is_excluded_is_compared_with_a_key_that_an_override_fixes(project: Path) -> None:
    exclude = [{"arch": "Unet", "encoder": "mit_b0"}, {"arch": "FPN", "encoder": "resnet18"}]
    pairs = {key: value for key, value in PAIRS.items() if key != "space.arch"}
    plan = planned(project, **pairs, arch="Unet", exclude=exclude)
    assert plan.forbidden == ({"encoder": "mit_b0"},)


def test_weights_are_looked_for_where_a_pair_is_not_excluded_and_all_faults_are_listed(
    project: Path,
) -> None:
    space = {
        "space.encoder": ["resnet18", "mobilenet_v2"],
        "space.encoder_weights": [None, "swsll"],
        "mapping": "merged10",
    }
    with pytest.raises(InputError) as caught:
        planned(project, **space)
    known, unknown = caught.value.faults
    assert "(did you mean 'swsl'?); the names are those of encoder 'resnet18'" in known
    assert "neither 'imagenet' nor null nor a directory; the names" in unknown
    exclude = [
        {"encoder": encoder, "encoder_weights": "swsll"} for encoder in space["space.encoder"]
    ]
    assert planned(project, **space, exclude=exclude).forbidden == tuple(exclude)
