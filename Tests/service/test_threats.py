"""The pages on security name what there is: tests, metrics, dependencies."""

import re

from conftest import ROOT

MODEL = (ROOT / "docs/internals/threat-model.md").read_text()
DEPENDENCIES = (ROOT / "docs/reference/dependencies.md").read_text()
METRICS = (ROOT / "docs/reference/metrics.md").read_text()


def test_every_test_of_the_threat_model_is_there():
    tests = "\n".join(path.read_text() for path in ROOT.glob("Tests/service/*.py"))
    named = re.findall(r"`(test_\w+)`", MODEL)
    assert len(named) > 40
    assert [name for name in named if f"def {name}(" not in tests] == []
    swift = {path.stem: path.read_text() for path in ROOT.glob("Tests/*/*.swift")}
    for suite, name in re.findall(r"`(\w+Tests)\.(\w+)`", MODEL):
        assert f"func {name}(" in swift[suite], (suite, name)


def test_every_dependency_has_its_line_and_version():
    package = (ROOT / "Package.swift").read_text()
    found = re.findall(r'url: "https://[^"]*/([^"/]+)", exact: "([\d.]+)"', package)
    assert len(set(found)) > 9
    for name, version in found:
        assert re.search(rf"\[{re.escape(name)}\]\([^)]*\) \| {re.escape(version)} \|",
                         DEPENDENCIES), (name, version)
    for name, version in re.findall(
            r"^([\w-]+)==([\d.]+)$", (ROOT / "Tests/requirements.txt").read_text(), re.M):
        assert f"| `{name}` | {version} |" in DEPENDENCIES, (name, version)
    install = (ROOT / "scripts/install.sh").read_text()
    for name in re.search(r"packages=\((.*?)\)", install, re.S).group(1).split():
        assert f"`{name}`" in DEPENDENCIES, name


def test_every_metric_has_its_line_and_every_line_its_metric(service, user):
    user.spend()
    text = service.call("GET", "/metrics").bytes.decode()
    served = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    told = dict(re.findall(r"^\| `(cuebx_\w+)` \| (\w+) \|", METRICS, re.M))
    assert served == told
