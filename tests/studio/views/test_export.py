import pytest

from interpretkd.reports import INFO
from interpretkd.runs import analyse_run, downloads, load_run

KINDS = (
    "german",
    "connect4",
    "digits_linear",
    "regression",
    "multilabel",
    "hostile",
    "scored",
)


def _downloads(app):
    return [button.proto for button in app.get("download_button")]


def _offered(make_run, run):
    path = make_run(run)
    found = analyse_run(load_run(path))
    return {download.name: download for download in downloads(found, path)}


@pytest.mark.parametrize("run", KINDS)
def test_every_format_is_offered_or_explained(studio, make_run, run):
    offered = _offered(make_run, run)
    app = studio(run, "export")
    assert app.selectbox(key="format").options == ["Report", *offered]
    for name, download in offered.items():
        app.selectbox(key="format").set_value(name).run()
        assert not app.exception
        made = [button for button in app.button if button.key == "_make"]
        if download.missing:
            assert app.info[0].value
            assert not made
            assert not _downloads(app)
        elif download.is_quick:
            assert len(_downloads(app)) == 1
        else:
            assert made
            assert not _downloads(app)


@pytest.mark.parametrize("name", ["SQL", "Python", "JSON", "PMML", "Predictions"])
def test_a_file_is_made_when_asked_for(studio, make_run, name):
    app = studio("german", "export", format=name)
    assert not app.code
    app.button(key="_make").click().run()
    assert not app.exception
    download = _offered(make_run, "german")[name]
    (ending,) = download.endings
    made = download.build(ending)
    assert app.code[0].value == made.content.decode()[:20_000].rstrip("\n") or (
        app.code[0].value == made.content.decode()[:20_000]
    )
    if made.said:
        assert "527 of 527 rows equal" in app.success[0].value
    assert len(_downloads(app)) == 1


def test_settings_change_the_file(studio):
    app = studio("german", "export", format="SQL")
    app.text_input(key="table").set_value("people")
    app.selectbox(key="sql_dialect").set_value("duckdb")
    app.button(key="_make").click().run()
    assert '"people"' in app.code[0].value or " people" in app.code[0].value
    app.text_input(key="table").set_value("others").run()
    assert not app.code  # of other settings nothing has been made


def test_rules_stand_in_the_address(studio, make_run):
    app = studio(
        "german", "export", format="Rules", rules_as="Text", order_by="fidelity"
    )
    found = analyse_run(load_run(make_run("german")))
    assert app.code[0].value.strip() == str(found.rules.sort("fidelity")).strip()
    rounded = studio("german", "export", format="Outline", short_numbers="true")
    expected = found.rules.readable(found.X).outline()
    assert rounded.code[0].value.strip() == expected.strip()


@pytest.mark.parametrize(
    ("run", "family"), [("german", "tree"), ("scored", "tree of sums")]
)
def test_the_chosen_size_is_exported(studio, run, family):
    app = studio(run, "export", format="Rules", rules_as="CSV", size=4)
    assert len(app.code[0].value.strip().splitlines()) == 5
    said = f"its {family} cut back to 4 leaves, measured on 263 rows"
    assert said in app.markdown[0].value


@pytest.mark.parametrize(
    ("run", "name"), [("german", "Diagram"), ("connect4", "Diagram")]
)
def test_diagrams_are_drawn(studio, run, name):
    app = studio(run, "export", format=name)
    app.button(key="_make").click().run()
    assert not app.exception
    assert not app.error
    assert len(_downloads(app)) == 1
    assert app.get("image")


def test_a_bad_setting_is_said_in_a_sentence(studio):
    app = studio("german", "export", format="C")
    app.text_input(key="prefix").set_value("no name;")
    app.button(key="_make").click().run()
    assert not app.exception
    assert app.error
    assert not _downloads(app)


def test_what_is_not_installed_is_said_instead_of_a_button(studio, monkeypatch):
    from interpretkd.runs import _downloads as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    app = studio("german", "export", format="ONNX")
    assert "interpretkd\\[export\\]" in app.info[0].value
    assert not [button for button in app.button if button.key == "_make"]


def test_the_report_says_what_a_person_said(studio):
    app = studio("german", "export")
    for name in INFO:
        if name != "status":
            fields = [*app.text_input, *app.text_area]
            assert [f for f in fields if f.key == f"_info_{name}"]
    assert not _downloads(app)
    app.text_input(key="_info_title").set_value("Who gets a loan")
    app.text_area(key="_info_purpose").set_value("To be *read*.")
    app.selectbox(key="_info_status").set_value("draft")
    app.selectbox(key="refits").set_value(0)
    app.button(key="FormSubmitter:report-Make the report").click().run()
    assert not app.exception
    assert not app.error
    labels = [button.label.split()[0] for button in _downloads(app)]
    assert labels == ["HTML", "PDF", "Markdown", "JSON"]
    frame = app.get("iframe")[0].proto
    assert "Who gets a loan" in frame.srcdoc
    assert 'sandbox=""' in frame.srcdoc


def test_a_report_that_cannot_be_made_is_said(studio, monkeypatch):
    app = studio("hostile", "export")
    app.selectbox(key="refits").set_value(0)
    app.button(key="FormSubmitter:report-Make the report").click().run()
    assert not app.exception
    labels = [button.label.split()[0] for button in _downloads(app)]
    assert labels[0] == "HTML"
    assert {"Markdown", "JSON"} <= set(labels)


def test_a_bad_address_shows_the_report(studio):
    app = studio("german", "export", format="../../etc/passwd", rules_as="exe")
    assert not app.exception
    assert app.selectbox(key="format").value == "Report"
