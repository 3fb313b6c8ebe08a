"""Write the figures of ``docs/methods.md``, of what `interpretkd bench methods` found.

    python docs/methods.py            writes the figures anew
    python docs/methods.py --check    fails when they are not those of the results

The results are the JSON files of ``apps/bench/results/methods``. The mark * of rows
that were measured on older code is part of the figures when they are written; it is not
checked, so that a change of the library does not make the page wrong.
"""

import argparse
import sys
from pathlib import Path

from interpretkd.cli.bench import find_benchmark

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "methods.md"
RESULTS = ROOT / "apps" / "bench" / "results" / "methods"


def main(arguments: list[str] | None = None) -> int:
    """Write or check the page.

    Parameters
    ----------
    arguments : list of str, default=None
        None for those of the command line.

    Returns
    -------
    int
        0, or 1 when a checked page is not what the results give.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    told = parser.parse_args(arguments)
    written = PAGE.read_text("utf-8")
    meant = find_benchmark("methods").page(written, RESULTS)
    if told.check:
        same = written.replace("*", "") == meant.replace("*", "")
        if not same:
            print(f"{PAGE.name} is not what the results give.", file=sys.stderr)  # noqa: T201
        return int(not same)
    PAGE.write_text(meant, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
