import json
from pathlib import Path

import pytest

from segexp.core.errors import InputError
from segexp.labels.files import load_mapping
from segexp.labels.importer import Choices, import_mapping
from segexp.labels.importers._writing import target_of, write_imported
from segexp.labels.taxonomy import load_taxonomy
from tests.labels.importers.foreign import FOUNDING, MAPPINGS, imported, write

METAINFO = '{"classes": ["a", "b"], "palette": [[1, 2, 3], [4, 5, 6]]}'


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("labels", "labels"),
        ("my mapping (2)", "my_mapping_2_"),
        (".hidden", "hidden"),
        ("...", "imported"),
        ("x" * 150, "x" * 100),
    ],
)
def test_a_mapping_is_named_after_its_file(tmp_path, stem, name):
    target = target_of(tmp_path, Path(f"{stem}.csv"), None, None, force=False)
    assert target == (name, tmp_path / "mappings" / f"{name}.yaml")


def test_a_name_that_is_no_file_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--name '\.\./x': use 1 to 100 letters"):
        target_of(tmp_path, Path("a.csv"), "../x", None, force=False)


def test_an_empty_name_is_a_name_and_refused(tmp_path):
    with pytest.raises(InputError, match="--name '': use 1 to 100 letters"):
        target_of(tmp_path, Path("a.csv"), "", None, force=False)


def test_a_file_elsewhere_that_exists_is_replaced_only_by_force(tmp_path):
    out = write(tmp_path / "mine.yaml", "")
    with pytest.raises(InputError, match=r"mine\.yaml: exists; choose another --out, or .*--force"):
        target_of(tmp_path, Path("a.csv"), None, out, force=False)
    assert target_of(tmp_path, Path("a.csv"), None, out, force=True) == ("mine", out)


def test_a_file_elsewhere_gives_the_name(tmp_path):
    out = tmp_path / "mine.yaml"
    assert target_of(tmp_path, Path("a.csv"), None, out, force=False) == ("mine", out)
    with pytest.raises(InputError) as caught:
        target_of(tmp_path, Path("a.csv"), "other", tmp_path / "mine.txt", force=False)
    assert caught.value.faults == (
        f"--out {tmp_path / 'mine.txt'}: expected a file that ends in .yaml",
        "--name 'other': a mapping has the name of its file, 'mine'",
    )


def test_an_existing_mapping_is_replaced_only_by_force(tmp_path):
    path = tmp_path / "mappings" / "a.yaml"
    path.parent.mkdir()
    path.touch()
    with pytest.raises(InputError, match=r"a\.yaml: exists; .* --force"):
        target_of(tmp_path, Path("a.csv"), None, None, force=False)
    assert target_of(tmp_path, Path("a.csv"), None, None, force=True) == ("a", path)


def test_what_is_written_is_what_was_imported(tmp_path):
    file = write(tmp_path / "founding.yaml", FOUNDING)
    taxonomy = load_taxonomy(MAPPINGS / "taxonomies" / "cityscapes19.yaml")
    found = import_mapping(file, "ours", "auto", taxonomy, Choices(shift=-1))
    home = tmp_path / "mappings"
    (home / "taxonomies").mkdir(parents=True)
    (home / "taxonomies" / "cityscapes19.yaml").write_bytes(
        (MAPPINGS / "taxonomies" / "cityscapes19.yaml").read_bytes()
    )
    assert write_imported(found, home / "ours.yaml", "a comment") == [home / "ours.yaml"]
    assert load_mapping(home / "ours.yaml") == found.mapping


def test_a_new_taxonomy_is_written_beside_the_mapping(tmp_path):
    found = imported(write(tmp_path / "a.json", METAINFO), None, new_taxonomy="mine")
    path, home = tmp_path / "imported.yaml", tmp_path / "taxonomies" / "mine.yaml"
    assert write_imported(found, path, "") == [home, path]
    assert load_mapping(path) == found.mapping
    assert load_taxonomy(home) == found.mapping.taxonomy
    assert write_imported(found, path, "") == [path]  # the same taxonomy is there already


def test_a_new_taxonomy_never_replaces_another(tmp_path):
    found = imported(write(tmp_path / "a.json", METAINFO), None, new_taxonomy="mine")
    write_imported(found, tmp_path / "imported.yaml", "")
    text = METAINFO.replace('"a"', '"c"')
    other = imported(write(tmp_path / "b.json", text), None, new_taxonomy="mine")
    with pytest.raises(InputError, match="is another taxonomy; choose another name"):
        write_imported(other, tmp_path / "imported.yaml", "")
    assert load_mapping(tmp_path / "imported.yaml") == found.mapping


def test_a_new_taxonomy_must_have_the_name_of_a_file(tmp_path):
    with pytest.raises(InputError, match=r"--new-taxonomy '\.\./mine': use 1 to 100 letters"):
        imported(write(tmp_path / "a.json", METAINFO), None, new_taxonomy="../mine")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


def test_a_file_that_could_not_be_read_back_is_not_written(tmp_path):
    """250 names of 99 characters are fewer than 65536 characters in all, but more bytes."""
    names = [f"{number:03d}{'é' * 96}" for number in range(250)]
    content = {"classes": names, "palette": [[n, n, n] for n in range(250)]}
    found = imported(write(tmp_path / "a.json", json.dumps(content)), None, new_taxonomy="mine")
    with pytest.raises(InputError, match=r"imported\.yaml: would have \d+ bytes; at most 65536"):
        write_imported(found, tmp_path / "imported.yaml", "")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


@pytest.mark.parametrize("planted", ["mappings", "mappings/mine.yaml", "mappings/ring"])
def test_a_link_does_not_lead_the_mapping_out_of_the_project(tmp_path, planted):
    project, outside = tmp_path / "project", tmp_path / "outside"
    outside.mkdir()
    link = project / planted
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "x" if planted.endswith("yaml") else outside)
    if planted == "mappings/ring":
        link.unlink()
        (project / "mappings" / "mine.yaml").symlink_to(project / "mappings" / "mine.yaml")
    with pytest.raises(InputError, match="leads out of it"):
        target_of(project, tmp_path / "labels.csv", "mine", None, force=True)
    assert list(outside.iterdir()) == []


def test_a_link_does_not_lead_the_taxonomy_out_of_the_folder(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "taxonomies").symlink_to(outside)
    (tmp_path / "taxonomies").unlink()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "taxonomies").symlink_to(outside)
    found = imported(write(tmp_path / "a.json", METAINFO), None, new_taxonomy="mine")
    with pytest.raises(InputError, match="leads out of it"):
        write_imported(found, tmp_path / "home" / "imported.yaml", "")
    assert list(outside.iterdir()) == []
