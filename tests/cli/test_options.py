"""Options that several commands share."""

import shlex
from pathlib import Path
from typing import Annotated

import pytest
import typer

from segexp.cli.options import engine_of, found_again, given_in, given_options, with_storage
from segexp.core.errors import InputError
from segexp.study.engines import here, workers
from tests.cli.running import segexp

URL = "postgresql://ann:secret@host/a"


@pytest.fixture(autouse=True)
def _no_storage_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGEXP_STORAGE", raising=False)


def test_the_storage_comes_from_the_option_its_file_the_environment_or_config_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "url"
    file.write_text(f"\n  {URL}\n")
    assert with_storage({"trials": 2}, None, None) == {"trials": 2}
    monkeypatch.setenv("SEGEXP_STORAGE", "sqlite:///environment.db")
    assert with_storage({}, None, None) == {"storage": "sqlite:///environment.db"}
    set_ = {"storage": "sqlite:///set.db"}  # --set storage=...
    assert with_storage(set_, None, None) == set_
    assert with_storage(set_, None, file) == {"storage": URL}
    assert with_storage(set_, URL, None) == {"storage": URL}
    monkeypatch.setenv("SEGEXP_STORAGE", "")
    assert with_storage({}, None, None) == {}


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"secret\nsecret", b"\xff\xfesecret", b"secret" * 1000]
)
def test_a_storage_file_that_holds_no_url_is_refused_and_not_quoted(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "url"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"url: expected one URL in it and nothing else") as caught:
        with_storage({}, None, file)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("command", ["tune", "best", "ab", "mapping suggest"])
def test_every_command_with_a_storage_takes_it_from_a_file(project: Path, command: str) -> None:
    words = [*command.split(), *(["a", "b"] if command == "ab" else [])]
    words += ["--study", "x"] if command == "mapping suggest" else []
    outcome = segexp(project, *words, "--storage-file", "nowhere/url")
    assert outcome.code == 2
    assert "--storage-file nowhere/url: cannot be read: No such file or directory" in outcome.err
    outcome = segexp(project, *words, "--storage-file", "nowhere/url", "--storage", URL)
    assert outcome.code == 2
    assert "--storage and --storage-file: give one of them" in outcome.err


def test_where_to_look_next_is_said_without_passwords() -> None:
    assert found_again("s", None, None, None) == "s"
    assert found_again("s", None, URL, None) == "s --storage postgresql://ann@host/a"
    assert found_again("s", Path("p"), None, Path("url")) == "s --project p --storage-file url"


@pytest.mark.parametrize("name", ["a b", "it's", "a b'c\"d", "$HOME", "x;y"])
def test_where_to_look_next_is_read_by_a_shell_as_it_was_meant(name: str) -> None:
    words = shlex.split(found_again("s", Path(name), None, Path(name)))
    assert words == ["s", "--project", name, "--storage-file", name]
    url = f"sqlite:////tmp/{name}.db?timeout=5&x=1"
    assert shlex.split(found_again("s", None, url, None)) == ["s", "--storage", url]


def test_options_are_handed_on_as_they_were_given_but_for_passwords_and_trials() -> None:
    given = {"--data": Path("a b"), "--seeds": 2, "--format": None, "--storage": URL}
    sets = ["epochs=2", "trials=7", "tracking.uri=https://ann:secret@host"]
    assert given_options(given, sets) == (
        ("--data", "a b"),
        ("--seeds", "2"),
        ("--storage", "postgresql://ann@host/a"),
        ("--set", "epochs=2"),
        ("--set", "tracking.uri=https://host"),
    )


def test_without_an_engine_the_number_of_workers_chooses_one() -> None:
    assert engine_of(None, "auto") == (workers, None)
    assert engine_of(None, "3") == (workers, 3)
    assert engine_of(None, "0") == (here, 0)
    assert engine_of("here", "auto") == (here, None)
    with pytest.raises(InputError, match=r"--engine 'worker': .*did you mean 'workers'"):
        engine_of("worker", "auto")


def test_an_engine_refuses_a_number_of_workers_that_it_cannot_run(project: Path) -> None:
    for name, number in (("here", "2"), ("workers", "0")):
        outcome = segexp(project, "tune", "--engine", name, "--workers", number)
        assert outcome.code == 2
        assert f"--workers {number}: the engine '{name}'" in outcome.err


def test_what_was_given_is_told_from_defaults_of_the_same_value() -> None:
    found: dict[str, object] = {}
    app = typer.Typer()

    @app.command()
    def command(
        context: typer.Context,
        names: Annotated[list[str] | None, typer.Argument()] = None,
        looks: int = 1,
        cluster: str = "auto",
        is_plain: Annotated[bool, typer.Option("--plain")] = False,
    ) -> None:
        found.update(given_in(context))

    app(["x", "--looks", "1", "--plain"], standalone_mode=False)
    assert found == {"NAMES": ["x"], "--looks": 1, "--plain": True}
    found.clear()
    app([], standalone_mode=False)
    assert found == {}
