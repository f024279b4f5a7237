import pytest

from fairfactor.images.names import ImageNames

NAMES = ImageNames(["a/1.jpg", "a/2.jpg", "a/2.png", "b.tar.png", "c\\d.png"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/1.jpg", "a/1.jpg"),
        ("./a/1.jpg", "a/1.jpg"),
        ("a\\1.jpg", "a/1.jpg"),
        ("a\\1", "a/1.jpg"),
        (" a/1.jpg ", "a/1.jpg"),
        ("c\\d.png", "c\\d.png"),
        ("b.tar", "b.tar.png"),
        ("a/2", None),
        ("a/2.gif", None),
        ("1.jpg", None),
        ("", None),
    ],
)
def test_a_name_is_found_as_tables_write_it(text, name):
    assert NAMES.find(text) == name
