#!/usr/bin/env python3
"""What the formatter does not know: who may import whom, who owns which table, how long things are.

Prints a line for each offence and fails if there is one. The tables are in `house.py`.
"""

import collections
import pathlib
import re
import sys

import house
from repository import Repository, complaint, folder, target
from swift_source import TYPES

STANDARD = {"Foundation", "FoundationEssentials", "Synchronization", "Testing", "Glibc"}
SQL_NAME = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:IF (?:NOT )?EXISTS\s+)?(\w+)(?:(?:\s+\w+)?\s*,\s*(\w+))?")
BANNED = {
    r"\btry!": "try!", r"\btry\?": "try?", r"\bas!": "as!", r"\bfatalError\(": "fatalError",
    r"(?<![.\w])print\(": "print"}
LEFT_OVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")  # in two parts: this file is looked at, too


# Imports


def targets_have_their_place(repository):
    """Each target stands in the table, below all that it may import."""
    for name in repository.targets:
        if name not in house.ALLOWED and any(target(f) == name for f in repository.sources):
            yield complaint(repository.targets[name][0].path, 1,
                            f"{name} has no line in ALLOWED of scripts/house.py")
    seen = []
    for name, allowed in house.ALLOWED.items():
        for other in allowed.split():
            if other not in seen:
                yield complaint("scripts/house.py", 1, f"{name} may import {other} only if {other} stands"
                                                       " above it in ALLOWED")
        seen.append(name)


def imports_are_allowed(repository):
    for file in repository.sources:
        allowed = house.ALLOWED.get(target(file), "").split()
        for line, module in file.imports:
            if module in house.ALLOWED and module not in allowed:
                yield complaint(file.path, line, f"{target(file)} may not import {module}: the arrows are in"
                                                 " ALLOWED of scripts/house.py")


def imports_are_declared(repository):
    """Package.swift lists what a target imports, no less and no more."""
    for name in sorted(repository.targets.keys() & house.ALLOWED.keys() - repository.dependencies.keys()):
        if repository.dependencies:
            yield complaint("Package.swift", 1, f"{name} is no target of it")
    for name, (line, kind, declared) in repository.dependencies.items():
        if kind == "systemLibrary" or name not in repository.targets:
            continue
        used = {}
        for file in repository.targets[name]:
            for at, module in file.imports:
                used.setdefault(module, (file.path, at))
        for module in sorted(used.keys() - declared - STANDARD):
            yield complaint(*used[module], f"{name} imports {module}: list it in its dependencies of"
                                           " Package.swift")
        for module in sorted(declared - used.keys()):
            yield complaint("Package.swift", line, f"{name} imports {module} nowhere: take it off its"
                                                   " dependencies")


def imports_are_needed(repository):
    """A file that imports a target of ours uses a name that the target shows."""
    shown = {name: {declaration.name for file in files for declaration in file.declarations
                    if declaration.visible}
             for name, files in repository.targets.items()}
    for file in repository.swift:
        names = set(file.names)
        for line, module in file.imports:
            if module in house.ALLOWED and shown.get(module) and not names & shown[module]:
                yield complaint(file.path, line, f"no name of {module} occurs: remove the import")


def folders_follow_the_arrows(repository):
    for name, order in house.FOLDERS.items():
        files = [file for file in repository.targets.get(name, [])]
        home = {}
        for file in files:
            if folder(file) not in order:
                yield complaint(file.path, 1, f"{folder(file)} has no place in FOLDERS of scripts/house.py")
                return
            for declaration in file.declarations:
                if declaration.owner_kind == "file" and declaration.kind in TYPES - {"extension"}:
                    home[declaration.name] = folder(file)
        for file in files:
            for used in sorted(set(file.names) & home.keys()):
                if order.index(home[used]) > order.index(folder(file)):
                    line = file.line_of(re.search(rf"\b{used}\b", file.code).start())
                    yield complaint(file.path, line, f"{used} is of {home[used]}, which {folder(file)} of"
                                                     f" {name} may not use")
    for file in repository.sources:
        if target(file) not in house.FOLDERS and folder(file) != "." and target(file) not in \
                house.LARGE_TARGETS:
            yield complaint(file.path, 1, f"{target(file)} has a folder: FOLDERS of scripts/house.py must say"
                                          " what it may use")


# Tables


def tables_have_one_owner(repository):
    for file in repository.sources:
        name = target(file)
        if name in house.ALL_TABLES:
            continue
        for start, text in file.strings:
            for match in SQL_NAME.finditer(text):
                for table in filter(None, match.groups()):
                    owner = house.OWNERS.get(table)
                    if not owner or owner == name:
                        continue
                    line = start + text.count("\n", 0, match.start(1))
                    yield complaint(file.path, line, f"{table} is {owner}'s table: ask a function of {owner}")


def tables_are_listed(repository):
    for file in repository.sources:
        if target(file) == "Schema":
            for start, text in file.strings:
                for match in re.finditer(r"CREATE TABLE (\w+)", text):
                    if match[1] not in house.OWNERS:
                        yield complaint(file.path, start, f"{match[1]} has no owner in OWNERS of"
                                                          " scripts/house.py")


# Pages


def readmes_tell_the_tables(repository):
    """The README of a target names what the target may see and which tables the target owns."""
    libraries = house.ALLOWED.keys() - house.EXECUTABLES
    for path in repository.paths("Sources/*/README.md"):
        name, text = path.parent.name, path.read_text()
        for heading, known, right in (
                ("May see", house.ALLOWED.keys(), set(house.ALLOWED.get(name, "").split())),
                ("Owns the table", house.OWNERS.keys(),
                 {table for table, owner in house.OWNERS.items() if owner == name})):
            part = re.search(rf"^- \*\*{heading}.*?(?=\.\s|^- \*\*|\Z)", text, re.M | re.S)
            told = set(re.findall(r"`([\w-]+)`", part[0])) & known if part else set()
            if part and "every library target but" in part[0]:
                told = libraries - told - {name}
            for wrong in sorted(told ^ right) if name in house.ALLOWED else []:
                line = text.count("\n", 0, part.start()) + 1 if part else 1
                yield complaint(repository.name(path), line, f"{heading}: {wrong} is "
                                + ("not in scripts/house.py" if wrong in told else "missing"))


def development_tells_the_arrows(repository):
    """The table of all targets says what each may see."""
    for path, text in repository.pages:
        if path == "docs/guide/development.md":
            for row in re.finditer(r"^\| (`[\w`, -]+) \| ([^|]*) \|", text, re.M):
                told = set(re.findall(r"`([\w-]+)`", row[2]))
                for name in re.findall(r"`([\w-]+)`", row[1]):
                    right = set(house.ALLOWED.get(name, "").split())
                    if name in house.ALLOWED and told <= house.ALLOWED.keys() and told != right \
                            and row[2] != "all above":
                        yield complaint(path, text.count("\n", 0, row.start()) + 1,
                                        f"{name} may see {', '.join(sorted(told))} by this page, "
                                        f"{', '.join(sorted(right))} by scripts/house.py")


# Sizes


def files_are_short(repository):
    for file in repository.swift + repository.client:
        lines = file.text.count("\n")
        if lines > house.FILE_LINES:
            yield complaint(file.path, lines, f"{lines} lines, {house.FILE_LINES} at most: split it")


def functions_are_short(repository):
    for file in repository.swift + repository.client:
        for body in file.bodies:
            if body.lines > house.FUNCTION_LINES:
                yield complaint(file.path, body.line, f"{body.name} has {body.lines} lines,"
                                                      f" {house.FUNCTION_LINES} at most")


def lines_are_short(repository):
    files = [(file.path, file.text, house.SWIFT_COLUMNS) for file in repository.swift + repository.client]
    files += [(path, text, house.PYTHON_COLUMNS) for path, text in repository.python]
    for path, text, columns in files:
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > columns:
                yield complaint(path, number, f"{len(line)} columns, {columns} at most")


def targets_are_small(repository):
    for name in sorted(house.ALLOWED.keys() - house.LARGE_TARGETS):
        lines = sum(file.text.count("\n") for file in repository.targets.get(name, []))
        if lines > house.TARGET_LINES:
            yield complaint(f"Sources/{name}", 1, f"{lines} lines, {house.TARGET_LINES} at most: split the"
                                                  " target")


# Calls, declarations, words


def calls_are_not_banned(repository):
    """A banned call needs its reason in a comment above it; `print` belongs to executables."""
    for file in repository.sources + [each for each in repository.client if "/Sources/" in each.path]:
        lines = file.text.split("\n")
        for pattern, call in BANNED.items():
            for match in re.finditer(pattern, file.code):
                line = file.line_of(match.start())
                if call == "print" and target(file) in house.EXECUTABLES:
                    continue
                if not lines[line - 2].strip().startswith("//"):
                    yield complaint(file.path, line, f"{call} needs its reason in a comment above")


def tests_need_no_debug_build(repository):
    """A release build, which the tests run on, has no `@testable`: what a test needs is `package`."""
    for file in repository.swift:
        for match in re.finditer(r"@testable\b", file.code):
            yield complaint(file.path, file.line_of(match.start()), "@testable: make it `package`")


def nothing_is_left_over(repository):
    files = [(file.path, file.text) for file in repository.swift + repository.client] + repository.python
    for path, text in files:
        for number, line in enumerate(text.split("\n"), 1):
            if match := LEFT_OVER.search(line):
                yield complaint(path, number, f"{match[1]}: do it now, or write elsewhere what is to do")


def declarations_are_used(repository):
    """A name that occurs only where it is declared is dead.

    Members of a type that conforms to somebody else's protocol may be called from there, and cases
    with a raw value are made from it.
    """
    occurrences = collections.Counter(name for file in repository.swift for name in file.names)
    declared = collections.Counter(
        declaration.name for file in repository.swift for declaration in file.declarations
        if declaration.kind != "extension")
    ours = {declaration.name for file in repository.swift for declaration in file.declarations
            if declaration.kind in TYPES and declaration.kind != "extension"}
    inherits = collections.defaultdict(set)
    for file in repository.swift:
        for declaration in file.declarations:
            inherits[declaration.name] |= set(declaration.inherits)
    for file in repository.sources:
        for declaration in file.declarations:
            if declaration.kind == "extension" or occurrences[declaration.name] > declared[declaration.name]:
                continue
            foreign = inherits[declaration.owner] - ours - {"Sendable", "Equatable", "Error", "where", "any"}
            if declaration.owner and foreign or declaration.name == "_":
                continue
            if "@main" in file.code and declaration.kind in TYPES:
                continue
            yield complaint(file.path, declaration.line, f"{declaration.name} is used nowhere: remove it")


def words_are_the_fields(repository):
    for path, first, text in repository.texts():
        for pattern, right in house.WORDS.items():
            for match in re.finditer(pattern, text, re.I):
                line = first + text.count("\n", 0, match.start())
                yield complaint(path, line, f"not {match[0]!r} but {right}")


RULES = [
    targets_have_their_place, imports_are_allowed, imports_are_declared, imports_are_needed,
    folders_follow_the_arrows, tables_have_one_owner, tables_are_listed, readmes_tell_the_tables,
    development_tells_the_arrows, files_are_short, functions_are_short, lines_are_short,
    targets_are_small, calls_are_not_banned, tests_need_no_debug_build,
    nothing_is_left_over, declarations_are_used, words_are_the_fields,
]


def complaints(root, rules=RULES, exceptions=house.EXCEPTIONS):
    repository = Repository(root)
    needed = set()
    for rule in rules:
        for text in rule(repository):
            key = (rule.__name__, text.split(":")[0])
            needed.add(key)
            if key not in exceptions:
                yield text
    for rule, path in exceptions.keys() - needed:
        yield complaint("scripts/house.py", 1, f"{path} keeps {rule} now: take it off EXCEPTIONS")


if __name__ == "__main__":
    found = list(complaints(pathlib.Path(__file__).resolve().parent.parent))
    for line in found:
        print(line)
    sys.exit(bool(found))
