"""Exported SQL in a real PostgreSQL server, where one can be started."""

import csv
import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd.data import Feature, Schema
from interpretkd.export._parity import check
from interpretkd.export._specification import _model_spec
from interpretkd.export._sql.checker import (
    TABLE,
    _answers_from,
    _create_table,
    _row_column,
)
from interpretkd.export._sql.statement import _sql_text
from interpretkd.students import CartStudent
from tests.export.models import (
    chain_of_tests,
    diabetes,
    german,
    hostile,
    multilabel,
    plain,
    students,
)
from tests.export.small_students import FORMS, TASKS, small_student

# Debian keeps a server's programs out of the path.
FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
PATH = os.pathsep.join([os.environ.get("PATH", ""), *map(str, FOLDERS)])


def program(name):
    found = shutil.which(name, path=PATH)
    if found is None:
        absent(f"PostgreSQL's {name} is not installed")
    return found


def absent(reason):
    """Pass over the test; but where everything must be tested, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must run these tests: see .ci/system")
    pytest.skip(reason)


def run(name, *arguments, user, text=None):
    return subprocess.run(
        [program(name), *arguments], user=user, input=text, capture_output=True,
        text=True, check=True, cwd="/", timeout=60,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def server():
    """Start a server that listens on a socket in its own folder, and end it."""
    for name in ("initdb", "pg_ctl", "psql"):
        program(name)
    user = None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "postgres"
        shutil.chown(folder, user)
    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C", user=user)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        log = str(folder / "log")
        start = (program("pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "start")
        subprocess.run(
            start, user=user, cwd="/", check=True, timeout=60,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, LookupError, PermissionError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder)
        absent(f"no PostgreSQL server could be started ({error})")
    yield folder, user
    run("pg_ctl", "-D", data, "-m", "fast", "-w", "stop", user=user)
    shutil.rmtree(folder)


def literal(value, nan):
    if value is None:
        return nan
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return f"'{value!r}'"
    return f"'{value}'"


def checker(spec, server):
    statement = _sql_text(
        spec, dialect="postgresql", table=TABLE, keep=[_row_column(spec)]
    )

    def ask(question):
        columns = question.cells(range(len(spec.schema)))
        lines = []
        for i in range(len(question)):
            values = [str(i)]
            for feature in spec.schema.features:
                number = not feature.is_categorical and feature.kind != "date"
                # Every second gap of a number is a NaN.
                nan = "'NaN'" if number and i % 2 else "NULL"
                values.append(literal(columns[feature.name][i], nan))
            lines.append(f"({', '.join(values)})")
        joined = ",\n".join(lines)
        script = (
            f"{_create_table(spec, 'postgresql')};\n"
            f"INSERT INTO {TABLE} VALUES {joined};\n"
            f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, NULL 'nothing');\n"
        )
        said = ask_server(script, server)
        records = []
        for record in csv.reader(io.StringIO(said, newline="")):
            values = [None if cell == "nothing" else cell for cell in record]
            records.append([int(values[0]), *converted(spec, values[1:])])
        return _answers_from(spec, records)

    return ask


def ask_server(script, server):
    folder, user = server
    place = ("-h", str(folder), "-d", "postgres")
    return run(
        "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *place, "-f", "-",
        user=user, text=script,
    )  # fmt: skip


def converted(spec, values):
    n_outputs = spec.form.n_outputs
    numbers = [None if v is None else float(v) for v in values[-n_outputs:]]
    texts = {str(label): label for label in spec.labels}
    if spec.task == "multiclass":
        return [texts.get(values[0]), *numbers]
    if spec.task == "multilabel":
        flags = [None if v is None else int(v) for v in values[:n_outputs]]
        return [*flags, *numbers]
    return numbers


MODELS = {
    "german": german,
    "hostile": hostile,
    "diabetes": diabetes,
    "labels": multilabel,
    "cancer": lambda family: plain("cancer", family),
    "digits": lambda family: plain("digits", family),
}


@pytest.mark.parametrize("family", students())
@pytest.mark.parametrize("name", MODELS)
def test_the_statement_decides_as_the_student(name, family, server):
    model, X = MODELS[name](family)
    spec = _model_spec(model)
    parity = check(spec, "PostgreSQL", checker(spec, server), X[:150])
    assert parity.n_equal == 150
    assert parity.n_made_equal == parity.n_made > 0


def test_dates_are_counted(server):
    days = pd.Series(pd.date_range("2019-12-20", periods=60, freq="D"))
    times = pd.Series(pd.date_range("1969-12-30 03:00:07", periods=60, freq="3h"))
    zoned = times.dt.tz_localize("Europe/Paris")
    fine = pd.Series(pd.date_range("2024-01-01", periods=60, freq="1234567us"))
    frame = pd.DataFrame({"day": days, "time": times, "zoned": zoned, "fine": fine})
    frame.loc[::5, "day"] = pd.NaT
    y = np.column_stack([np.arange(60) % 17, (np.arange(60) ** 2) % 23])
    student = CartStudent(20, search="greedy").fit(frame, y)
    spec = _model_spec(student)
    assert check(spec, "PostgreSQL", checker(spec, server), frame).n_equal == 60


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), task=st.sampled_from(TASKS))
def test_every_student_comes_out_equal(form, server, seed, task):
    """Rows that are refused among them, and columns of hostile names."""
    spec = small_student(np.random.default_rng(seed), form, task)
    parity = check(spec, "PostgreSQL", checker(spec, server), None)
    assert parity.n_made_equal == parity.n_made > 0


def test_cells_that_are_no_float32_numbers_end_no_statement(server):
    schema = Schema((Feature("x"), Feature("y")))
    tree = chain_of_tests(schema, [(0, 0.0, False), (1, 0.5, True)], range(5))
    script = (
        "CREATE TEMPORARY TABLE rows (id INTEGER, x DOUBLE PRECISION, y REAL);\n"
        "INSERT INTO rows VALUES (0, 1e-310, 1), (1, 1e39, 1), (2, '-Infinity', 1), "
        "(3, 'NaN', '1e-45'), (4, -5e-324, 'NaN'), (5, 2, 'Infinity');\n"
        f"COPY ({_sql_text(_model_spec(tree), dialect='postgresql', keep=['id'])}) "
        "TO STDOUT WITH (FORMAT csv, NULL 'nothing');\n"
    )
    said = ask_server(script, server)
    assert sorted(said.split()) == [
        "0,1",
        "1,nothing",
        "2,nothing",
        "3,3",
        "4,1",
        "5,nothing",
    ]


def test_infinite_dates_are_refused(server):
    days = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=20)})
    student = CartStudent(2, search="greedy").fit(days, np.arange(20.0))
    script = (
        "CREATE TEMPORARY TABLE rows (id INTEGER, day TIMESTAMP);\n"
        "INSERT INTO rows VALUES (0, '2020-01-02'), (1, 'infinity'), "
        "(2, '-infinity'), (3, '0044-03-15 BC'), (4, '12000-01-01');\n"
        f"COPY ({_sql_text(_model_spec(student), dialect='postgresql', keep=['id'])}) "
        "TO STDOUT WITH (FORMAT csv, NULL 'nothing');\n"
    )
    said = dict(line.split(",") for line in ask_server(script, server).split())
    assert float(said.pop("0")) < 10
    assert set(said.values()) == {"nothing"}


def test_the_check_can_fail(server):
    """Decided of another student are told apart: the harness compares something."""
    model, X = plain("cancer", "tree")
    other, _ = plain("cancer", "boosted")
    ask = checker(_model_spec(other), server)
    with pytest.raises(ValueError, match="rows came out otherwise in PostgreSQL"):
        check(_model_spec(model), "PostgreSQL", ask, X[:50])
