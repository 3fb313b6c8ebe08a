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
from tests.export.models import diabetes, german, hostile, multilabel, plain, students

PROGRAMS = ("initdb", "pg_ctl", "psql")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="no PostgreSQL server is installed"
)


def run(*command, user, text=None):
    return subprocess.run(
        command, user=user, input=text, capture_output=True, text=True, check=True,
        cwd="/", timeout=60,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def server():
    """Start a server that listens on a socket in its own folder, and end it."""
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
        start = ("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        subprocess.run(
            start, user=user, cwd="/", check=True, timeout=60,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, LookupError, PermissionError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder)
        pytest.skip(f"no PostgreSQL server could be started: {error}")
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
            "\\set ON_ERROR_STOP on\n"
            f"{_create_table(spec, 'postgresql')};\n"
            f"INSERT INTO {TABLE} VALUES {joined};\n"
            f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, NULL 'nothing');\n"
        )
        folder, user = server
        said = run(
            "psql",
            "-X",
            "-q",
            "-h",
            str(folder),
            "-d",
            "postgres",
            "-f",
            "-",
            user=user,
            text=script,
        )
        records = []
        for record in csv.reader(io.StringIO(said, newline="")):
            values = [None if cell == "nothing" else cell for cell in record]
            records.append([int(values[0]), *converted(spec, values[1:])])
        return _answers_from(spec, records)

    return ask


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


def test_the_check_can_fail(server):
    """Answers of another student are told apart: the harness compares something."""
    model, X = plain("cancer", "tree")
    other, _ = plain("cancer", "boosted")
    ask = checker(_model_spec(other), server)
    with pytest.raises(ValueError, match="rows came out otherwise in PostgreSQL"):
        check(_model_spec(model), "PostgreSQL", ask, X[:50])
