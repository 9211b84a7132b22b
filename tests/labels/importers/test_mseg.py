from tests.labels.importers.foreign import by_class, faults_of, imported, write

TABLE = """\
Parent Category\tbig-set\tstreet-3\tuniversal\tDefn\tcamvid-11
ground\t{Road, Lane Marking}\troad\troad\ta surface to drive on\troad
object\tLight\ttraffic light, sky\ttraffic_stuff\t\t
accessory\tbag\t\tbag\ta container
unlabeled\t{Car Mount, Ego Vehicle}\t{ego vehicle}\tunlabeled
"""


def test_a_column_gives_the_universal_class_of_each_label(tmp_path):
    found = imported(write(tmp_path / "m.tsv", TABLE), column="street-3")
    assert found.format == "mseg"
    assert by_class(found) == {"road": ("road",), "traffic_stuff": ("traffic light", "sky")}
    assert found.mapping.colors.tolist() == [[128, 64, 128], [250, 170, 30]]
    assert found.notes == (
        "taken for void: 'unlabeled' (ego vehicle)",
        "not in the taxonomy street, so ignored: ego vehicle",
    )


def test_a_cell_in_braces_holds_several_labels(tmp_path):
    text = TABLE.replace("traffic light, sky", "{traffic light,sky}")
    found = imported(write(tmp_path / "m.tsv", text), column="street-3")
    assert by_class(found)["traffic_stuff"] == ("traffic light", "sky")


def test_the_column_must_be_one_of_the_table(tmp_path):
    path = write(tmp_path / "m.tsv", TABLE)
    columns = "the columns of FILE are Parent Category, big-set, street-3, Defn, camvid-11"
    assert faults_of(path) == [f"--column: missing; {columns}"]
    assert faults_of(path, column="street-4") == [
        f"--column 'street-4': no such column (did you mean 'street-3'?); {columns}"
    ]
    assert faults_of(path, column="universal")[0].startswith("--column 'universal': no such column")


def test_a_label_in_two_rows_and_one_in_none_are_faults(tmp_path):
    text = TABLE.replace("\ttraffic light, sky\t", "\troad\t")
    assert faults_of(write(tmp_path / "m.tsv", text), column="street-3") == [
        "FILE:3: 'road' falls into 'traffic_stuff', but at FILE:2 into 'road'; one class only",
        "FILE: does not mention traffic light, sky of street; every label needs a class, or "
        "'void' for its class",
    ]


def test_labels_without_a_universal_name_are_a_fault(tmp_path):
    text = TABLE.replace("\ttraffic_stuff\t", "\t\t")
    assert faults_of(write(tmp_path / "m.tsv", text), column="street-3") == [
        "FILE:3: no name in the column 'universal' for 'traffic light, sky'"
    ]


def test_a_table_cannot_steer_the_terminal(tmp_path):
    path = write(tmp_path / "m.tsv", TABLE.replace("Defn", "\x1b[31mDefn"))
    assert r"\x1b[31mDefn" in faults_of(path)[0]
