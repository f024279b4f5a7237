"""Rebuild ``adult.csv.gz`` from the raw UCI files ``adult.data`` and ``adult.test``.

Usage: ``python scripts/build_adult.py FOLDER`` with the folder that holds the two files.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import sys
from pathlib import Path

from fairfactor.data.adult import ADULT_FILE, ADULT_SHA256, RAW_COLUMNS


def adult_csv(folder: Path) -> bytes:
    """Join the two raw files into one table in CSV form.

    Every row of both files is kept, in their order. Spaces after commas go, ``?`` becomes an empty
    cell, the full stop after the test labels goes, and a last column says which file a row is from.

    Args:
        folder: Folder with ``adult.data`` and ``adult.test``.

    Returns:
        The text in UTF-8, with a header line and Unix line ends.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*RAW_COLUMNS, "split"])
    for file_name, split in (("adult.data", "train"), ("adult.test", "test")):
        with (folder / file_name).open(encoding="utf-8", newline="") as lines:
            for cells in csv.reader(lines, skipinitialspace=True):
                if len(cells) != len(RAW_COLUMNS):  # empty lines, the comment above the test rows
                    continue
                *features, income = ["" if cell == "?" else cell for cell in cells]
                writer.writerow([*features, income.rstrip("."), split])
    return text.getvalue().encode()


def compress(content: bytes) -> bytes:
    """Return the gzip form at level 9, without a time or a file name, so that runs agree."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def main(arguments: list[str] | None = None) -> int:
    """Write the file into the package and say whether its content is the expected one.

    Args:
        arguments: Command line; ``None`` takes that of the process.

    Returns:
        0 if the content has the checksum that ``load_adult`` asks for, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with adult.data and adult.test")
    parser.add_argument("--output", type=Path, default=Path(str(ADULT_FILE)), help="file to write")
    options = parser.parse_args(arguments)

    content = adult_csv(options.folder)
    checksum = hashlib.sha256(content).hexdigest()
    options.output.write_bytes(compress(content))
    print(f"{options.output}: SHA-256 of its content {checksum}")
    if checksum != ADULT_SHA256:
        print(f"Expected {ADULT_SHA256}: the raw files are not those of UCI.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
