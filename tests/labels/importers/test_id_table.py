"""Tables of ids and names: Roboflow's, ADE20K's and others'."""

from segexp.labels.taxonomy import VOID
from tests.labels.importers.foreign import by_class, faults_of, imported, write

ROBOFLOW = "Pixel Value, Class\n0, background\n1, obstacle\n2, road\n3, sidewalk\n4, speedbreaker"
"""A public export's: the heads of the columns have a space, the last line has no end."""

ADE20K = """\
Idx\tRatio\tTrain\tVal\tName
1\t0.1576\t11664\t1172\twall
2\t0.1072\t6046\t612\tbuilding, edifice
22 \t0.0074\t709\t75\twater
128\t0.0004\t347\t36\tbicycle, bike, wheel, cycle \n"""


def taxonomy_of(path):
    return imported(path, None, new_taxonomy="own").mapping.taxonomy


def test_roboflows_pixel_values_are_the_raw_ids(tmp_path):
    taxonomy = taxonomy_of(write(tmp_path / "_classes.csv", ROBOFLOW))
    assert taxonomy.names == ("background", "obstacle", "road", "sidewalk", "speedbreaker")
    assert taxonomy.encodings == {"default": {**{i: i for i in range(5)}, 255: VOID}}


def test_ade20ks_names_are_the_first_synonyms_and_its_0_is_void(tmp_path):
    taxonomy = taxonomy_of(write(tmp_path / "objectInfo150.txt", ADE20K))
    assert taxonomy.names == ("wall", "building", "water", "bicycle")
    assert taxonomy.encodings == {"default": {1: 0, 2: 1, 22: 2, 128: 3, 0: VOID, 255: VOID}}


def test_where_semicolons_part_words_and_synonyms_alike_the_name_is_all_of_them(tmp_path):
    text = (
        "Idx,Ratio,Train,Val,Stuff,Name\n59,0.0015,139,18,0,screen;door;screen\n"
        f"131,0.0004,108,13,0,screen;silver;screen\n75,0.001,1,2,0,{'long;' * 30}\n"
    )
    taxonomy = taxonomy_of(write(tmp_path / "object150_info.csv", text))
    assert taxonomy.names[::2] == ("screen door screen", "screen silver screen")
    assert taxonomy.names[1] == " ".join(["long"] * 20)


def test_rows_may_be_in_any_order_and_have_colours(tmp_path):
    path = write(tmp_path / "a.csv", "name;Class_ID;r;g;b\nsky;7;1;2;3\nroad;3;4;5;6\n")
    taxonomy = taxonomy_of(path)
    assert dict(zip(taxonomy.names, taxonomy.colors, strict=True)) == {
        "road": (4, 5, 6),
        "sky": (1, 2, 3),
    }
    assert taxonomy.encodings == {"default": {3: 0, 7: 1, 255: VOID}}
    assert by_class(imported(path)) == {"road": ("road",), "sky": ("sky",)}


def test_every_row_that_is_not_an_id_and_a_name_is_told(tmp_path):
    text = "id,name,r,g,b\n0,road,1,2,3\nx,sky,1,2,3\n2,,1,2,3\n3,car,1,2\n4,bus,1,2,x\n"
    assert faults_of(write(tmp_path / "a.csv", text)) == [
        "FILE:3: 'x, sky, 1, 2, 3'; expected id, name, r, g, b",
        "FILE:4: '2, , 1, 2, 3'; expected id, name, r, g, b",
        "FILE:5: '3, car, 1, 2'; expected id, name, r, g, b",
        "FILE:6: ['1', '2', 'x']; expected [r, g, b] with whole numbers from 0 to 255",
    ]
    assert faults_of(write(tmp_path / "b.csv", "id,name\n")) == ["FILE: no rows below the header"]
    (fault,) = faults_of(write(tmp_path / "c.csv", "id,name\n1,a\n1,b\n"), None, new_taxonomy="x")
    assert fault == "FILE: labels[1]: id: the raw id 1 is already taken"
