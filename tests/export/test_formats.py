"""What is in an exported file: refusals, the JSON schema, names, sentences."""

import ctypes
import json
import math
import shutil
import sqlite3
import subprocess
import xml.etree.ElementTree as ET

import duckdb
import jsonschema
import numpy as np
import onnxruntime
import pandas as pd
import pytest

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.export import EXPORTS, export_student, json_schema, read_json
from interpretkd.export._specification import _model_spec
from interpretkd.export._to_c import _c_text
from interpretkd.export._to_python import _python_text
from tests.export.models import (
    chain_of_tests,
    diabetes,
    german,
    hostile,
    multilabel,
    plain,
    students,
)

FAMILIES = tuple(students())
MODELS = {
    "german": german,
    "hostile": hostile,
    "diabetes": diabetes,
    "values": lambda family: diabetes(family, 2),
    "labels": multilabel,
    "digits": lambda family: plain("digits", family),
}


# Rows that the student would refuse.


def refused(frame):
    """One good row, then an unseen category, an infinite number."""
    rows = frame.iloc[[1, 1, 1]].astype(object).reset_index(drop=True)
    rows.loc[1, "purpose"] = "a journey to the moon"
    rows.loc[2, "duration_in_month"] = math.inf
    return rows


@pytest.mark.parametrize("family", FAMILIES)
def test_python_refuses_what_the_student_refuses(family):
    model, X = german(family)
    space = {}
    exec(export_student(model, "python", X[:9]).text, space)
    rows = refused(X).to_dict("records")
    assert space["predict"](rows[0]) == model.predict(X.iloc[[1]])[0]
    used = [model.schema_.names[i] for i in _model_spec(model).used]
    for row, column in ((rows[1], "purpose"), (rows[2], "duration_in_month")):
        if column in used:
            with pytest.raises(ValueError, match=column):
                space["predict"](row)
    with pytest.raises(KeyError):
        space["predict"]({})


@pytest.mark.parametrize("family", FAMILIES)
def test_sql_answers_null_where_the_student_refuses(family):
    model, X = german(family)
    spec = _model_spec(model)
    rows = refused(X)
    text = export_student(model, "sql", X[:9], keep=["duration_in_month"]).text
    with sqlite3.connect(":memory:") as connection:
        listed = ", ".join(f'"{name}"' for name in X.columns)
        connection.execute(f"CREATE TABLE rows ({listed})")
        marks = ", ".join("?" * X.shape[1])
        plain_rows = [[None if pd.isna(v) else v for v in r] for r in rows.to_numpy()]
        connection.executemany(f"INSERT INTO rows VALUES ({marks})", plain_rows)
        text_row = list(plain_rows[0])
        text_row[list(X.columns).index("duration_in_month")] = "a year"
        connection.execute(f"INSERT INTO rows VALUES ({marks})", text_row)
        found = connection.execute(text).fetchall()
    connection.close()
    used = [spec.schema.names[i] for i in spec.used]
    assert found[0][1] == model.predict(X.iloc[[1]])[0]
    assert None not in found[0][1:]
    if "purpose" in used:
        assert set(found[1][1:]) == {None}
    if "duration_in_month" in used:
        assert set(found[2][1:]) == {None}
        assert set(found[3][1:]) == {None}
    assert found[3][0] == "a year"


@pytest.mark.parametrize("family", FAMILIES)
def test_onnx_says_nothing_of_what_the_student_refuses(family):
    model, X = german(family)
    spec = _model_spec(model)
    codes = spec.schema.encode(X.iloc[[1, 1, 1, 1]])
    names = list(spec.schema.names)
    purpose, duration = names.index("purpose"), names.index("duration_in_month")
    codes[1, purpose], codes[2, purpose] = -1, 0.5
    codes[3, duration] = np.inf
    session = onnxruntime.InferenceSession(export_student(model, "onnx", X[:9]).content)
    values, decided = session.run(None, {"X": codes})
    assert decided[0] == model.predict(X.iloc[[1]])[0]
    if purpose in spec.used:
        assert np.isnan(values[1:3]).all()
        assert list(decided[1:3]) == ["", ""]
    if duration in spec.used:
        assert np.isnan(values[3]).all()
        assert decided[3] == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_c_answers_minus_one_where_the_student_refuses(family, tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    model, X = german(family)
    spec = _model_spec(model)
    source = export_student(model, "c", X[:9], name="risk").write(tmp_path / "risk.c")
    library = tmp_path / "risk.so"
    command = [compiler, "-shared", "-fPIC", "-o", library, source, "-lm"]
    subprocess.run(command, check=True)
    risk = ctypes.CDLL(str(library))
    names = list(spec.schema.names)
    purpose, duration = names.index("purpose"), names.index("duration_in_month")
    codes = spec.schema.encode(X.iloc[[1] * 5])
    codes[1, purpose], codes[2, purpose], codes[3, purpose] = -1, 0.5, 99
    codes[4, duration] = -np.inf
    position = ctypes.POINTER(ctypes.c_float)
    said = [risk.risk_decide(row.ctypes.data_as(position)) for row in codes]
    assert spec.labels[said[0]] == model.predict(X.iloc[[1]])[0]
    if purpose in spec.used:
        assert said[1:4] == [-1, -1, -1]
        assert risk.risk_category(purpose, b"a journey to the moon") == -1
    if duration in spec.used:
        assert said[4] == -1


def test_nan_is_missing_in_duckdb():
    model, X = plain("cancer", "linear")
    rows = X[:40].copy()
    rows[::3, 0] = np.nan
    rows[::4, 20] = np.nan
    text = export_student(model, "sql", X[:9], dialect="duckdb", keep=["number"]).text
    table = pd.DataFrame(rows, columns=model.schema_.names).assign(number=range(40))
    with duckdb.connect() as connection:
        listed = ", ".join(f"{name} DOUBLE" for name in table.columns)
        connection.execute(f"CREATE TABLE rows ({listed})")
        marks = ", ".join("?" * len(table.columns))
        values = [[float(v) for v in row] for row in table.to_numpy()]
        connection.executemany(f"INSERT INTO rows VALUES ({marks})", values)
        kept = connection.execute("SELECT count(*) FROM rows WHERE isnan(x0)")
        assert kept.fetchone()[0] == 14
        found = sorted(connection.execute(text).fetchall())
    assert [row[1] for row in found] == model.predict(rows).tolist()


def test_the_tree_and_the_linear_student_read_what_is_refused_above():
    for family in ("tree", "linear"):
        model, _ = german(family)
        used = {model.schema_.names[i] for i in _model_spec(model).used}
        assert "duration_in_month" in used
    assert "purpose" in used


# JSON.


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["german", "hostile", "values", "labels", "digits"])
def test_json_fits_the_published_schema_and_reads_back(name, family):
    model, X = MODELS[name](family)
    text = export_student(model, "json", X[:9]).text
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.validate(json.loads(text))
    again = read_json(text)
    spec = _model_spec(model)
    assert again.labels == spec.labels
    assert again.target == spec.target
    assert again.schema == spec.schema
    for array, other in zip(
        again.form.to_arrays().values(), spec.form.to_arrays().values(), strict=True
    ):
        np.testing.assert_array_equal(array, other)
    assert export_student(again, "json").text == text


def test_the_published_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("family", FAMILIES)
def test_spoilt_json_is_refused_in_a_sentence(family):
    model, X = german(family)
    content = json.loads(export_student(model, "json", X[:9]).text)
    spoilt = [{**content, key: None} for key in content if key not in _MAY_BE_NULL]
    spoilt += [{k: v for k, v in content.items() if k != key} for key in content]
    spoilt.append({**content, "labels": ["good", "good"]})
    spoilt.append({**content, "format": "interpretkd-student/2"})
    if "nodes" in content:
        for key, value in (
            ("feature", 99), ("feature", -3), ("feature", 0.5), ("left", 0),
            ("right", 10**9), ("left", True), ("missing_left", 1), ("cover", -1),
            ("value", "a"), ("left_categories", [99]), ("threshold", 1e300),
        ):  # fmt: skip
            nodes = [dict(node) for node in content["nodes"]]
            nodes[0][key] = value
            spoilt.append({**content, "nodes": nodes})
    for values in spoilt:
        with pytest.raises(InputError, match="The student's JSON"):
            read_json(json.dumps(values))
    for text in ("", "[]", "[" * 100_000, "NaN", "{}", '{"format": NaN}'):
        with pytest.raises(InputError, match="The student's JSON"):
            read_json(text)


_MAY_BE_NULL = ("steps", "multiplier")


# Names.


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("to", EXPORTS)
def test_hostile_names_stay_names(family, to, tmp_path):
    model, X = hostile(family)
    if to in ("dot", "csv") and family not in ("tree", "scored"):
        with pytest.raises(InputError, match="Only a tree is a"):
            export_student(model, to, X)
        return
    made = export_student(model, to, X)
    path = made.write(tmp_path / f"student.{made.ending}")
    assert path.read_bytes() == made.content
    if to == "python":
        tree = compile(made.text, "student.py", "exec")
        assert {"predict", "predict_proba"} <= set(tree.co_names)
        assert made.text.isascii() or "#" in made.text
    if to == "pmml":
        names = {e.get("name") for e in ET.fromstring(made.content).iter()}
        used = {model.schema_.names[i] for i in _model_spec(model).used}
        assert used <= names
    if to == "csv":
        assert "\n=" not in made.text


def test_a_name_that_no_file_can_hold_is_refused():
    for text in ("a\0b", "half \ud800"):
        tree = chain_of_tests(Schema((Feature(text),)), [(0, 1.0, False)], [0, 1, 2])
        for to in ("sql", "python", "c", "onnx", "pmml"):
            with pytest.raises(InputError, match="text files cannot hold"):
                export_student(tree, to)
    tree = chain_of_tests(Schema((Feature("bell \a"),)), [(0, 1.0, False)], [0, 1, 2])
    with pytest.raises(InputError, match="does not know the character"):
        export_student(tree, "pmml")


def test_the_table_and_the_columns_of_the_answer_can_be_named():
    model, X = plain("iris", "boosted")
    table = 'student "x"; --'
    text = export_student(model, "sql", X, table=table, keep=["id", "prediction"]).text
    with sqlite3.connect(":memory:") as connection:
        names = ['"id"', '"prediction"', *(f'"x{i}"' for i in range(4))]
        connection.execute(f'CREATE TABLE "student ""x""; --" ({", ".join(names)})')
        connection.executemany(
            'INSERT INTO "student ""x""; --" VALUES (?, ?, ?, ?, ?, ?)',
            [(i, "before", *row) for i, row in enumerate(X.tolist())],
        )
        cursor = connection.execute(text)
        found = cursor.fetchall()
    connection.close()
    assert [d[0] for d in cursor.description[:2]] == ["id", "prediction"]
    assert [row[2] for row in sorted(found)] == model.predict(X).tolist()


def test_c_names_are_identifiers():
    model, X = plain("iris", "tree")
    assert "int risk_decide(" in export_student(model, "c", X, name="risk").text
    for name in ("a b", "1a", "", "naïve", "a;", "_a", 5):
        with pytest.raises(InputError, match="must be a C identifier"):
            _c_text(_model_spec(model), name=name)


# What it says.


def test_the_sentence_names_who_checked():
    model, X = plain("iris", "tree")
    made = export_student(model, "sql", X)
    assert str(made).startswith("150 of 150 rows equal, ")
    assert str(made).endswith(f"(checked in SQLite {sqlite3.sqlite_version})")
    assert (
        str(export_student(model, "dot", X)) == "not checked: a DOT file is a picture"
    )
    assert "150 of 150 rows equal" in str(export_student(model, "csv", X))
    assert "rows equal" in str(export_student(model, "json"))


def test_without_a_compiler_the_sentence_says_so(monkeypatch):
    model, X = plain("iris", "tree")
    monkeypatch.setenv("PATH", "")
    said = str(export_student(model, "c", X))
    assert said == "not checked: no C compiler was found"


def test_only_known_formats_and_students_are_taken():
    model, X = plain("iris", "tree")
    with pytest.raises(InputError, match="'to' parameter of export"):
        export_student(model, "cobol", X)
    with pytest.raises(InputError, match="'dialect' parameter of export"):
        export_student(model, "sql", X, dialect="mysql")
    with pytest.raises(InputError, match=r"can be exported\. Got a dict"):
        export_student({}, "sql", X)


def test_the_python_module_needs_only_python():
    for family in FAMILIES:
        for name in ("german", "diabetes", "labels"):
            model, _ = MODELS[name](family)
            lines = _python_text(_model_spec(model)).splitlines()
            imports = {line for line in lines if line.startswith(("import", "from"))}
            assert imports <= {"import datetime", "import math", "import struct"}
