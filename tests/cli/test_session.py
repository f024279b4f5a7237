from __future__ import annotations

import json
import warnings

import pytest
import typer

from fairfactor.cli.session import FAILED, INTERRUPTED, Session
from fairfactor.errors import ArgumentError, DataError, FairfactorWarning


def fail(session: Session, error: BaseException) -> int:
    """Raise an error in a session; return its exit code."""

    def command() -> None:
        with session.reporting_errors():
            raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    return caught.value.exit_code


class TestErrors:
    def test_an_error_is_one_line_on_the_error_stream(self, capsys) -> None:
        assert fail(Session(), DataError("column 'x'\n  is [red]missing[/red].")) == FAILED == 1
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err == "fairfactor: column 'x' is [red]missing[/red].\n"

    def test_a_long_line_is_not_broken(self, capsys) -> None:
        fail(Session(), DataError("word " * 100))
        assert capsys.readouterr().err.count("\n") == 1

    def test_machines_get_an_object_on_standard_output(self, capsys) -> None:
        assert fail(Session(json=True), ArgumentError("größe", 1, "2")) == FAILED
        output = capsys.readouterr()
        assert output.err == ""
        assert json.loads(output.out) == {"error": "größe=1 is not usable: expected 2."}

    def test_debugging_lets_the_error_pass(self) -> None:
        session = Session(debug=True)
        with pytest.raises(DataError, match="missing"), session.reporting_errors():
            raise DataError("missing")

    def test_a_defect_is_not_hidden(self) -> None:
        session = Session()
        with pytest.raises(KeyError), session.reporting_errors():
            raise KeyError("a defect of ours")

    @pytest.mark.parametrize("as_json", [False, True])
    def test_an_interruption_has_its_own_code(self, capsys, as_json: bool) -> None:
        assert fail(Session(json=as_json), KeyboardInterrupt()) == INTERRUPTED == 130
        output = capsys.readouterr()
        assert "Interrupted. Nothing was written." in (output.out if as_json else output.err)


class TestWarnings:
    def test_each_is_said_once_on_the_error_stream(self, capsys) -> None:
        with Session(json=True).reporting_errors():
            for text in ("few rows: 'a' [b]", "few rows: 'a' [b]", "few rows: 'c'"):
                warnings.warn(text, FairfactorWarning, stacklevel=1)
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err == "Warning: few rows: 'a' [b]\nWarning: few rows: 'c'\n"


class TestShow:
    def test_text_is_printed_as_it_is(self, capsys) -> None:
        text = "[bold]a[/bold] :smile: " + "long " * 50
        Session().show(text, {"a": 1})
        assert capsys.readouterr().out == text + "\n"

    def test_machines_get_one_object(self, capsys) -> None:
        Session(json=True).show("text", {"größe": [1, None]})
        assert capsys.readouterr().out == '{"größe": [1, null]}\n'


class TestProgress:
    @pytest.mark.parametrize("as_json", [False, True])
    def test_nothing_is_shown_without_a_terminal(self, capsys, as_json: bool) -> None:
        with Session(json=as_json).progress("Seeds", 2) as advance:
            advance()
            advance()
        assert capsys.readouterr() == ("", "")

    def test_a_terminal_gets_a_bar_on_the_error_stream(self, capsys, monkeypatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        with Session().progress("Seeds", 2) as advance:
            advance()
        output = capsys.readouterr()
        assert output.out == ""
        assert "Seeds" in output.err

    @pytest.mark.parametrize("as_json", [False, True])
    def test_steps_are_not_shown_without_a_terminal(self, capsys, as_json: bool) -> None:
        with Session(json=as_json).steps() as step:
            step("Pre-training", 0.0)
            step("Choosing", 1.0)
        assert capsys.readouterr() == ("", "")

    def test_a_terminal_is_told_the_step(self, capsys, monkeypatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        with Session().steps() as step:
            step("Bayes rule", 0.5)
        output = capsys.readouterr()
        assert output.out == ""
        assert "Bayes rule" in output.err
