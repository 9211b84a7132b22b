"""What the pages say holds: links lead somewhere, files are valid, commands and keys exist."""

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from harness.project import ROOT
from segexp.cli import app
from segexp.core.config_keys import config_keys
from segexp.labels.files import load_mapping
from segexp.labels.mapping import common_space

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"\bsegexp ([a-z]+(?:-[a-z]+)*)(?: ([a-z]+))?")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_between_pages_leads_to_a_file(page: Path) -> None:
    targets = {link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link}
    missing = {target for target in targets if not (page.parent / target).exists()}
    assert not missing


def test_every_page_has_a_place_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert {page.name for page in PAGES if page.parent != ROOT} == set(
        re.findall(r"[\w-]+\.md", menu)
    )


def test_the_labels_of_the_page_on_own_labels_can_be_compared(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "own-labels.md").read_text("utf-8")
    taxonomy, *mappings = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "taxonomies").mkdir()
    (tmp_path / "taxonomies" / "yard.yaml").write_text(taxonomy, "utf-8")
    read = []
    for text in mappings:
        path = tmp_path / f"{yaml.safe_load(text)['name']}.yaml"
        path.write_text(text, "utf-8")
        read.append(load_mapping(path))
    assert [mapping.name for mapping in read] == ["yard7", "yard4"]
    assert list(common_space(read).names) == ["floor", "barrier", "tree", "person"]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "cli.md"], ids=lambda page: page.name
)
def test_commands_and_options_that_a_page_names_exist(page: Path) -> None:
    whole = get_command(app)
    commands = whole.commands  # type: ignore[attr-defined]
    parts = {
        f"{group} {name}": command
        for group, found in commands.items()
        for name, command in getattr(found, "commands", {}).items()
    }
    options = {
        option
        for command in [whole, *commands.values(), *parts.values()]
        for param in command.params
        for option in [*param.opts, *param.secondary_opts]
    }
    shown = re.findall(r"`([^`\n]*)`|^    (.*)$", page.read_text("utf-8"), re.MULTILINE)
    lines = [(code or line).partition(" #")[0] for code, line in shown]
    for line in [line for line in lines if re.search(r"(^|&& )segexp ", line)]:
        for first, second in COMMAND.findall(line):
            is_group = hasattr(commands.get(first), "commands")
            name = f"{first} {second}".strip() if is_group else first
            assert name in commands or name in parts, line
        assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= options | {"--help"}, line


def test_the_keys_that_the_questions_name_exist() -> None:
    page = (ROOT / "docs" / "faq.md").read_text("utf-8")
    named = re.findall(r"`((?:data|training|tracking|model)\.\w+)", page)
    assert len(set(named)) >= 4
    assert set(named) <= set(config_keys())
