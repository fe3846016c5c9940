"""The documentation names what there is, all of it, and nothing else."""

import re

import pytest

from conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text(*globs):
    return "\n".join(path.read_text() for glob in globs for path in sorted(ROOT.glob(glob)))


def page(name):
    return (ROOT / "docs" / "reference" / name).read_text()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path):
    for link in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert link.startswith("http") or (path.parent / link).exists(), link


def test_every_rule_names_files_and_tests_that_there_are():
    rules = page("rules.md")
    black_box = text("Tests/service/*.py")
    for name in re.findall(r"`(test_\w+)`", rules):
        assert f"def {name}(" in black_box, name
    for suite, function in re.findall(r"`(\w+Tests)\.(\w+)`", rules):
        files = [path.read_text() for path in ROOT.glob("Tests/*Tests/*.swift")]
        assert any(re.search(rf"(struct|class) {suite}\b", file) and f"func {function}(" in file
                   for file in files), (suite, function)
    sources = [str(path) for path in ROOT.glob("Sources/**/*.swift")]
    for name in re.findall(r"`([\w/]+\.swift)`", rules):
        assert any(path.endswith("/" + name) for path in sources), name


def test_every_guarantee_names_tests_that_there_are():
    named = re.findall(r"`([\w/]+\.(?:py|swift))(?:::(\w+))?`", page("guarantees.md"))
    assert len(named) > 20
    for name, function in named:
        [path] = {*ROOT.glob(f"Tests/{name}"), *ROOT.glob(f"Tests/crashes/{name}"),
                  *ROOT.glob(f"{name}")}
        assert not function or re.search(rf"(def|func) {function}\(", path.read_text()), function


def test_every_rule_has_a_number_of_its_own():
    numbers = re.findall(r"^- \*\*([A-Z]\d+)\*\*", page("rules.md"), re.M)
    assert len(numbers) > 100 and len(set(numbers)) == len(numbers)


def test_every_error_code_is_told():
    codes = set(re.findall(
        r'Problem\(\s*\d{3},\s*"(\w+)"',
        text("Sources/**/*.swift")))
    assert len(codes) > 30
    assert [code for code in sorted(codes) if f"`{code}`" not in page("errors.md")] == []


def test_every_setting_is_told():
    keys = re.findall(
        r'(?:forKey: |config, )"([a-z.]+)"', (ROOT / "Sources/Settings/Settings.swift").read_text())
    names = {key.upper().replace(".", "_") for key in keys}
    assert len(names) > 20
    assert [name for name in sorted(names) if f"`{name}`" not in page("settings.md")] == []


def test_every_table_and_column_is_told():
    schema = page("schema.md")
    tables = re.findall(
        r"CREATE TABLE (\w+) \((.*?)\n\s*\)\\", text("Sources/Schema/*.swift"), re.S)
    assert len(tables) > 20
    for table, body in tables:
        columns = re.findall(r"^\s+([a-z]\w*) (?:\\\(|TEXT)", body, re.M)
        assert columns, table
        assert [name for name in [table, *columns] if f"`{name}`" not in schema] == [], table


def test_every_command_is_told(service):
    listed = service.command("--help").stdout.split("SUBCOMMANDS:")[1]
    commands = re.findall(r"^  ([a-z-]+)  ", listed, re.M)
    assert len(commands) > 10
    assert [name for name in commands if f"| `{name}" not in page("cli.md")] == []
