import pytest

from interpretkd.cli.bench import find_benchmark

PAGES = (
    *("start", "train", "overview", "tree", "rules", "effects", "disagreements"),
    *("row", "whatif", "images", "compare", "export"),
)
KINDS = (
    *("german", "connect4", "digits", "digits_linear", "cancer_linear", "regression"),
    *("regression_boosted", "multilabel", "hostile"),
    *("scored", "scored_digits", "scored_values"),
)


@pytest.mark.parametrize("run", KINDS)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_every_kind_of_run(studio, run, page):
    app = studio(run, page)
    assert not app.exception
    assert len(app.title) == 1
    assert app.caption


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_to_do_without_a_run(studio, page):
    app = studio(None, page)
    assert not app.exception
    assert len(app.title) == 1
    if page not in ("start", "train"):
        assert app.info[0].value.startswith("Open a run")


def test_the_benchmark_opens_every_page():
    measured = find_benchmark("studio").PAGES
    assert set(PAGES) - set(measured) == {"images"}  # its rows are no images
    assert set(measured) <= set(PAGES)
