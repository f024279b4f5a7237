import json
import sys
import tomllib

import pytest

from fairfactor.compare_config import CompareConfig
from fairfactor.config import RunConfig
from fairfactor.config_file import config_schema, config_template, read_config_file
from fairfactor.errors import ArgumentError, DataError
from fairfactor.tune_config import TuneConfig

KINDS = {"run": RunConfig, "tune": TuneConfig, "compare": CompareConfig}


@pytest.mark.parametrize("command", KINDS)
def test_the_template_means_the_defaults_and_explains_every_option(command, tmp_path):
    kind, path = KINDS[command], tmp_path / "fairfactor.toml"
    path.write_text(config_template(kind, command, path.name))
    assert kind.from_dict(read_config_file(path, kind)) == kind()
    text = " ".join(path.read_text().replace("#", " ").split())
    for name, field in kind.__dataclass_fields__.items():
        assert name in text
        assert " ".join(field.metadata["help"].split()) in text
    assert path.read_text().startswith(f"# fairfactor {command} --config fairfactor.toml\n")


def test_every_line_of_the_template_can_be_uncommented(tmp_path):
    text = config_template(TuneConfig, "tune", "x.toml")
    filled = text.replace("# target = ", 'target = "hired"').replace("# bins = ", "bins = 3")
    assert tomllib.loads(filled)["target"] == "hired"
    assert tomllib.loads(filled)["bins"] == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.toml", 'target = "hired"\nsensitive = ["a", "b"]\nminimum-group-size = 7\n'),
        ("c.toml", '\ufefftarget = "hired"\nsensitive = "a, b"\nminimum_group_size = 7\n'),
        ("c.yaml", "target: hired\nsensitive: [a, b]\nminimum_group_size: 7\n"),
        ("c.yml", "target: hired\nsensitive: a,b\nminimum-group-size: 7\n"),
    ],
)
def test_toml_and_yaml_say_the_same(tmp_path, name, text):
    if not name.endswith("toml"):
        pytest.importorskip("yaml", reason="pip install 'fairfactor[yaml]'")
    (tmp_path / name).write_text(text, encoding="utf-8")
    config = TuneConfig.from_dict(read_config_file(tmp_path / name, TuneConfig))
    assert config == TuneConfig(target="hired", sensitive=("a", "b"), minimum_group_size=7)


def test_an_unknown_key_is_refused_with_a_suggestion(tmp_path):
    (tmp_path / "c.toml").write_text('sensitiv = ["sex"]')
    with pytest.raises(ArgumentError, match=r"key in .*c\.toml='sensitiv'.*Did you mean 'sensit"):
        read_config_file(tmp_path / "c.toml", TuneConfig)


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("c.toml", "target = hired", "is not TOML"),
        ("c.yaml", "a: [", "is not YAML"),
        ("c.yaml", "just text", "holds no names with values"),
        ("c.yaml", "!!python/object/apply:os.system ['true']", "is not YAML"),
        ("none.toml", None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name, text, cause):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=cause) as caught:
        read_config_file(tmp_path / name, TuneConfig)
    assert "\n" not in str(caught.value)


def test_without_pyyaml_the_remedy_is_named(tmp_path, monkeypatch):
    (tmp_path / "c.yaml").write_text("seed: 1")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(DataError, match=r"needs pyyaml.*fairfactor\[yaml\]"):
        read_config_file(tmp_path / "c.yaml", TuneConfig)


@pytest.mark.parametrize("command", KINDS)
def test_the_schema_accepts_the_defaults_and_nothing_unknown(command):
    jsonschema = pytest.importorskip("jsonschema", reason="pip install jsonschema")
    kind = KINDS[command]
    validator = jsonschema.Draft202012Validator(config_schema(kind))
    validator.check_schema(validator.schema)
    values = json.loads(json.dumps(kind().to_dict()))
    assert list(validator.iter_errors(values)) == []
    for wrong in ({"sensitive": "sex"}, {"unknown": 1}, {"data": 5}):
        assert list(validator.iter_errors(values | wrong))
