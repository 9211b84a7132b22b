"""Whoever opens a module finds its tests beside it: tests/ has the folders and names of segexp/."""

from pathlib import Path

from harness.project import ROOT

IN_NEIGHBOURS = {
    "cli/ab_study": "cli/test_ab.py",
    "compare/heldout_truth": "cli/test_ab_masks.py",
    "compare/record_masks": "cli/test_ab_masks.py",
    "compare/run_protocols": "cli/test_ab.py",
    "evaluation/export_check": "evaluation/test_export.py",
    "evaluation/export_example": "evaluation/test_export.py",
    "evaluation/exported": "cli/test_export.py",
    "evaluation/saved_losses": "cli/test_worst.py",
    "evaluation/statistics/level": "evaluation/statistics/test_bootstrap.py",
    "data/cache_build": "data/test_cache.py",
    "data/configured": "data/test_mask_rules.py",
    "data/files/colors": "data/files/test_masks.py",
    "data/files/npz": "data/files/test_mask_file.py",
    "data/files/panoptic": "data/layouts/test_coco_panoptic.py",
    "data/files/parquet": "data/layouts/test_hugging_face.py",
    "data/files/video": "evaluation/test_image_files.py",
    "data/layouts/_any_folders": "data/layouts/test_folder.py",
    "data/layouts/_cityscapes_masks": "data/layouts/test_cityscapes_pairs.py",
    "data/layouts/_listing": "data/layouts/test_folder.py",
    "data/layouts/_named": "data/layouts/test_camvid.py",
    "data/layouts/_pairing": "data/layouts/test_folder.py",
    "data/mapping_import": "cli/test_mapping_import.py",
    "data/unnamed_labels": "data/test_labels_found.py",
    "labels/importers/_listing": "labels/importers/test_label_list.py",
    "labels/importers/_notes": "labels/test_importer.py",
    "labels/warning": "labels/test_checks.py",
    "study/display": "cli/test_live.py",
    "report/loss_pictures": "cli/test_worst.py",
    "study/engines/_actors": "study/engines/test_ray.py",
    "study/engines/_ray_actor": "study/engines/test_ray.py",
    "study/engines/_ray_driver": "study/engines/test_ray.py",
    "study/engines/_ray_process": "study/engines/test_ray.py",
    "study/engines/_arrivals": "study/engines/test_remote.py",
    "study/engines/_joined": "study/engines/test_remote.py",
    "study/engines/_launcher": "study/engines/test_supervisor.py",
    "study/engines/_preloaded": "study/engines/test_workers.py",
    "study/engines/_processes": "study/engines/test_supervisor.py",
    "study/engines/_servers": "study/engines/test_remote.py",
    "study/older_rules": "study/test_best.py",
    "training/bundle_files": "training/test_bundle_json.py",
    "training/exports/onnx": "evaluation/test_export.py",
    "training/exports/openvino": "evaluation/test_export.py",
    "training/exports/torchscript": "evaluation/test_export.py",
    "training/state_tensors": "training/test_checkpoint.py",
    "training/losses/_shared": "training/losses/test_cross_entropy.py",
}
"""What has no file of its own: what is small or private, and what only a whole command or A/B study
shows. Beside it, where it is tested."""

SCENES = ("scenes", "scenes/test_scenes.py")
"""The scenes are tested by what they look like, all together."""


def modules() -> set[str]:
    found = (path.relative_to(ROOT / "segexp") for path in (ROOT / "segexp").rglob("*.py"))
    return {
        path.with_suffix("").as_posix()
        for path in found
        if path.name != "__init__.py" and path.parts[0] not in (SCENES[0], "template")
    }


def own_file(module: str) -> Path:
    folder, _, name = module.rpartition("/")
    return ROOT / "tests" / folder / f"test_{name.strip('_')}.py"


def test_every_module_has_a_test_file_of_its_name() -> None:
    missing = [name for name in modules() if not own_file(name).is_file()]
    unnamed = sorted(set(missing) - IN_NEIGHBOURS.keys())
    assert not unnamed, f"write {', '.join(f'{own_file(m).relative_to(ROOT)}' for m in unnamed)}"


def test_only_modules_without_a_file_of_their_own_are_listed_with_where_they_are_tested() -> None:
    for module, file in (*IN_NEIGHBOURS.items(), SCENES):
        assert (ROOT / "tests" / file).is_file(), f"{module}: there is no tests/{file}"
    gone = sorted(IN_NEIGHBOURS.keys() - modules())
    assert not gone, f"no longer modules: {', '.join(gone)}"
    own = [name for name in IN_NEIGHBOURS if own_file(name).is_file()]
    assert not own, f"has a file of its own now: {', '.join(own)}"
