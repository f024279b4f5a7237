import gzip

import pytest

from fairfactor.data.table_format import TableFormat
from fairfactor.errors import DataError


def format_of(tmp_path, content, name="t.csv"):
    (tmp_path / name).write_bytes(content)
    return TableFormat.of(tmp_path / name)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_the_separator_is_found_in_the_content(tmp_path, separator, gzipped):
    text = f"a{separator}b{separator}c\n" + f"1,5{separator}x{separator}y\n" * (separator != ",")
    content = gzip.compress(text.encode()) if gzipped else text.encode()
    found = format_of(tmp_path, content)
    assert (found.separator, found.gzipped, found.names) == (separator, gzipped, ("a", "b", "c"))


def test_commas_in_names_and_numbers_do_not_hide_the_semicolon(tmp_path):
    found = format_of(tmp_path, b"Name;Age, in years;Pay, gross, in CHF\nA;1,5;2,5\nB;1,5;2\n")
    assert found.separator == ";"


def test_the_name_of_a_tsv_file_decides(tmp_path):
    assert format_of(tmp_path, b"a,b\tc\n", "t.tsv").names == ("a,b", "c")


def test_a_line_of_excel_that_names_the_separator_is_no_header(tmp_path):
    found = format_of(tmp_path, b"sep=;\r\na;b\r\n1;2\r\n")
    assert (found.separator, found.header_line, found.names) == (";", 1, ("a", "b"))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("ä,b\n".encode(), "utf-8"),
        ("ä,b\n".encode("utf-8-sig"), "utf-8-sig"),
        ("ä,b\n".encode("utf-16"), "utf-16"),
        ("ä,b\n".encode("latin-1"), "cp1252"),
    ],
)
def test_the_encoding_is_found_in_the_content(tmp_path, content, encoding):
    found = format_of(tmp_path, content)
    assert (found.encoding, found.names) == (encoding, ("ä", "b"))


def test_a_byte_far_down_decides_the_encoding(tmp_path):
    found = format_of(tmp_path, b"a,b\n" * 600_000 + "ä,b\n".encode("latin-1"))
    assert found.encoding == "cp1252"


def test_a_name_may_have_a_line_break_markup_or_none_at_all(tmp_path):
    found = format_of(tmp_path, b'"two\nlines", <b>x</b> ,class,\n1,2,3,4\n')
    assert found.names == ("two\nlines", "<b>x</b>", "class")
    assert format_of(tmp_path, b",b\n0,1\n").names == ("unnamed column 1", "b")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "its first line is empty"),
        (b"\n\na,b\n", "its first line is empty"),
        (b"a,b,a\n", r"has two columns 'a'\. Rename"),
        (b"PK\x03\x04...", r"a ZIP archive or an Excel workbook.*Save the sheet as CSV"),
        (b"BZh9", "is bzip2"),
        (bytes(range(256)), "zero bytes"),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(tmp_path, content, text):
    with pytest.raises(DataError, match=text) as caught:
        format_of(tmp_path, content)
    assert "\n" not in str(caught.value)
