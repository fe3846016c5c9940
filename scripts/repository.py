"""The files of a repository, as the tidy rules read them."""

import collections
import functools
import pathlib
import re

from swift_source import Swift


class Repository:
    """The files of a repository that the rules read."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def paths(self, pattern):
        return sorted(path for path in self.root.glob(pattern) if path.is_file())

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    @functools.cached_property
    def swift(self):
        return [Swift(self.name(path), path.read_text())
                for folder in ("Sources", "Tests") for path in self.paths(f"{folder}/**/*.swift")]

    @functools.cached_property
    def sources(self):
        return [file for file in self.swift if file.path.startswith("Sources/")]

    @functools.cached_property
    def client(self):
        """The Swift client: a package of its own, to which the rules of style apply, but no arrows."""
        files = [Swift(self.name(path), path.read_text()) for folder in ("Sources", "Tests")
                 for path in self.paths(f"clients/swift/{folder}/**/*.swift")]
        return [file for file in files if "Written by clients/wire_types.py" not in file.text]

    @functools.cached_property
    def targets(self):
        """The files of each target, tests included, by the folder that they are in."""
        found = collections.defaultdict(list)
        for file in self.swift:
            found[target(file)].append(file)
        return found

    @functools.cached_property
    def python(self):
        return [(self.name(path), path.read_text())
                for pattern in ("Tests/**/*.py", "scripts/**/*.py", "Examples/**/*.py", "clients/*.py",
                                "clients/[!.]*/*.py", "clients/[!.]*/[!.]*/**/*.py")
                for path in self.paths(pattern)]

    @functools.cached_property
    def pages(self):
        return [(self.name(path), path.read_text())
                for pattern in ("*.md", "docs/**/*.md") for path in self.paths(pattern)]

    def texts(self):
        """Comments, those of lines below each other as one, and pages: what people read as a text."""
        for file in self.swift + self.client:
            block, first, last = "", 0, 0
            for line, text in file.comments + [(0, "")]:
                if line != last + 1:
                    yield file.path, first, block
                    block, first = "", line
                block += text.strip("/ ") + "\n"
                last = line
        for path, text in self.pages:
            yield path, 1, text

    @functools.cached_property
    def dependencies(self):
        """Of each target of Package.swift: the modules that it declares, and at which line."""
        path = self.root / "Package.swift"
        found = {}
        text = path.read_text() if path.exists() else ""
        start = text.find("    targets: [")
        for block in re.finditer(
                r"^        \.(\w*[tT]arget|systemLibrary)\((.*?)(?=^        (?:\.|//)|\Z)",
                text[start:], re.M | re.S):
            named = re.search(r'name: "([\w-]+)"', block[2])
            before = re.split("swiftSettings|exclude:|resources:", block[2])[0]
            listed = re.search(r"dependencies: \[(.*)\]", before, re.S)
            modules = re.findall(r'(?:(?<!: )|(?<=name: ))"(\w[\w-]*)"', listed[1]) if listed else []
            line = text.count("\n", 0, start + block.start()) + 1
            found[named[1]] = (line, block[1], set(modules))
        return found


def target(file):
    return file.path.split("/")[1]


def complaint(path, line, text):
    return f"{path}:{line}: {text}"


def folder(file):
    return "/".join(file.path.split("/")[2:-1]) or "."
