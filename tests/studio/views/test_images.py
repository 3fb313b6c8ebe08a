import pytest

from interpretkd.data import image_schema
from interpretkd.explain import contribution_image, leaf_images, path_image, row_of
from interpretkd.runs import analyse_run, load_run


@pytest.fixture
def digits(make_run):
    return analyse_run(load_run(make_run("digits")))


def test_the_path_and_the_leaves_are_shown(studio, digits):
    app = studio("digits", "images", row=7)
    assert not app.exception
    schema = image_schema(digits.model.schema_, digits.model)
    picture = path_image(digits.model, row_of(digits.X, 6), schema=schema)
    leaves = leaf_images(digits.model, digits.X, schema=schema)
    alts = [image.proto.imgs[0].alt for image in app.get("image")]
    assert alts == [picture.alt, leaves.alt]
    tables = [table.value for table in app.dataframe]
    assert tables[0]["test"].tolist() == picture.frame()["test"].tolist()
    assert tables[1]["leaf"].tolist() == leaves.frame()["leaf"].tolist()


def test_leaves_are_filtered(studio, digits):
    schema = image_schema(digits.model.schema_, digits.model)
    decisions = [
        f.decision for f in leaf_images(digits.model, digits.X, schema=schema).frames
    ]
    app = studio("digits", "images", row=7, decides=decisions[0])
    assert app.selectbox(key="decides").value == decisions[0]
    shown = app.dataframe[1].value["decision"].tolist()
    assert shown == [each for each in decisions if each == decisions[0]]
    app = studio("digits", "images", decides="castle", most="many")
    assert not app.exception
    assert len(app.dataframe[1].value) == len(decisions)


def test_a_smaller_tree_has_its_own_leaves(studio, digits):
    app = studio("digits", "images", row=7, size=4)
    assert not app.exception
    assert len(app.dataframe[1].value) == 4


def test_a_linear_student_shows_what_the_pixels_add(studio, make_run):
    found = analyse_run(load_run(make_run("digits_linear")))
    app = studio("digits_linear", "images", row=7)
    assert not app.exception
    schema = image_schema(found.model.schema_, found.model)
    pictures = [
        contribution_image(found.model, row_of(found.X, 6), schema=schema),
        contribution_image(found.model, schema=schema),
    ]
    alts = [image.proto.imgs[0].alt for image in app.get("image")]
    assert alts == [picture.alt for picture in pictures]
    assert [len(table.value) for table in app.dataframe] == [64, 64]


def test_a_tree_of_sums_shows_its_leaves(studio, make_run):
    app = studio("scored_digits", "images", row=3)
    assert not app.exception
    assert not app.error
    found = analyse_run(load_run(make_run("scored_digits")))
    pictures = [image.proto.imgs[0].alt for image in app.get("image")]
    schema = image_schema(found.model.schema_, found.model)
    assert pictures == [leaf_images(found.model, found.X, schema=schema).alt]
    assert any("adds up several pixels" in one.value for one in app.caption)


@pytest.mark.parametrize("run", ["german", "regression", "hostile"])
def test_tables_are_no_images(studio, run):
    app = studio(run, "images")
    assert not app.exception
    assert "no images" in app.info[0].value


def test_rows_are_walked_through(studio):
    app = studio("digits", "images", row=7)
    next(each for each in app.button if each.label == "Next").click().run()
    assert app.number_input(key="_row_typed").value == 8
