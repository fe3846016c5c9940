"""The package as others get it, and that its README says what is so."""

import re
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
README = (PACKAGE / "README.md").read_text()
SOURCES = {path.stem: path.read_text() for path in PACKAGE.glob("Sources/CueBX/*.swift")}


def bare(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def git(*arguments, cwd):
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


def cut(folder, version):
    return subprocess.run([PACKAGE / "scripts/cut.sh", folder, version], capture_output=True, text=True)


def test_what_the_readme_shows_compiles():
    compiled = bare((PACKAGE / "Tests/CueBXTests/QuickstartTests.swift").read_text()
                    + (PACKAGE / "Tests/Quickstart/main.swift").read_text())
    blocks = [bare(block) for block in re.findall(r"```swift\n(.*?)```", README, re.S)]
    assert len(blocks) > 4
    for block in blocks:
        assert any(compiled[at:at + len(block)] == block for at in range(len(compiled))), block


def test_three_lines_are_enough():
    first = bare(re.search(r"## Three lines\n.*?```swift\n(.*?)```", README, re.S)[1])
    assert len([line for line in first if line not in ("}", "try await runModel(body)")]) <= 3


def test_the_readmes_lists_are_whole():
    names = re.findall(r"^    public var (\w+)", SOURCES["Options"], re.M)
    names += re.findall(r"^        case (\w+) = ", SOURCES["CueBXError"], re.M)
    names += re.findall(r'^        "(\w+)": \.', SOURCES["Events"], re.M)
    assert len(names) > 40
    assert [name for name in names if f"`{name}`" not in README] == []


def test_the_package_is_cut_into_a_repository_of_its_own(tmp_path, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.test")
    assert cut(tmp_path / "cut", "0.1.0").returncode == 0
    files = git("ls-files", cwd=tmp_path / "cut").splitlines()
    assert {"Package.swift", "README.md", "Sources/CueBX/Client.swift",
            "scenarios/vectors/spool.json"} <= set(files)
    assert git("tag", cwd=tmp_path / "cut").split() == ["0.1.0"]
    assert "was cut before" in cut(tmp_path / "cut", "0.1.0").stderr
    assert "no version" in cut(tmp_path / "cut", "latest").stderr
    described = subprocess.run(["swift", "package", "dump-package"], cwd=tmp_path / "cut", check=True,
                               capture_output=True, text=True).stdout
    assert '"CueBX"' in described
