#!/usr/bin/env python3
"""Looks in the objects of a release build for constants that are read before they are there: Swift 6 reads
some lazily initialized `static let` of another module directly, without initializing it first.

    scripts/lazy_statics.py [.build/release]

A constant that is laid out by the compiler is fine, and so is an object that names the constant's token or
its accessor beside its storage: both initialize it. Make such a constant anew at each use, by a computed
`static var`.
Exits 1 if something is found, 2 if there is nothing to look at.
"""

import collections
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# How the names of Swift's symbols end: a static property's storage, its token, and what runs it once.
STORAGE, TOKEN, ONCE, ACCESSOR = "vpZ", "_Wz", "_WZ", "vau"
# Kinds of `nm`: what is written when the process runs.
WRITABLE = "BbDd"
# What may be read before it is initialized, and why.
HARMLESS = {
    "static Terminal.lost": "a mutex over false is all zeros, as its storage is before",
}


def symbols(objects):
    """The symbols of each object, by their kinds."""
    found = collections.defaultdict(dict)
    # One nm for many objects: there are a thousand.
    for start in range(0, len(objects), 200):
        lines = subprocess.run(
            ["nm", "-A", *map(str, objects[start:start + 200])], capture_output=True, text=True,
            check=True)
        for line in lines.stdout.splitlines():
            name, _, rest = line.partition(":")
            words = rest.split()
            if len(words) >= 2 and words[-1].startswith("$s"):
                found[name][words[-1]] = words[-2]
    return found


def unsafe_reads(found):
    """Constants that some object reads without initializing them, each with those objects."""
    tokens = {
        name.removesuffix(TOKEN) for kinds in found.values() for name in kinds if name.endswith(TOKEN)}
    lazy = {}
    for kinds in found.values():
        for name, kind in kinds.items():
            if name.endswith(STORAGE) and kind in WRITABLE:
                # Behind what the token has of its name, the storage's has its type.
                token = next(
                    (name[:end] for end in range(len(name), 0, -1) if name[:end] in tokens), None)
                if token:
                    lazy[name] = token
    unsafe = collections.defaultdict(list)
    for place, kinds in found.items():
        for name, token in lazy.items():
            safe = (token + TOKEN, token + ONCE, name.removesuffix(STORAGE) + ACCESSOR)
            if kinds.get(name) == "U" and not any(other in kinds for other in safe):
                unsafe[name].append(place)
    return dict(unsafe)


def main() -> int:
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build/release")
    targets = [path.name for path in (ROOT / "Sources").iterdir() if path.is_dir()]
    # What was built of a file that is gone lies there too.
    sources = {
        (target, path.name) for target in targets
        for path in (ROOT / "Sources" / target).rglob("*.swift")}
    objects = sorted(
        path for target in targets for path in (build / f"{target}.build").glob("*.swift.o")
        if (target, path.name.removesuffix(".o")) in sources)
    if not objects:
        print(f"{build} has no objects of ours: build first", file=sys.stderr)
        return 2
    unsafe = unsafe_reads(symbols(objects))
    if not unsafe:
        return 0
    names = subprocess.run(
        ["swift", "demangle", "-simplified"], input="\n".join(unsafe), capture_output=True, text=True,
        check=True).stdout.splitlines()
    failed = 0
    for name, places in zip(names, unsafe.values()):
        if name in HARMLESS:
            continue
        readers = sorted({"/".join(pathlib.Path(place).parts[-2:]) for place in places})
        print(f"{name} is read before it is initialized, by {', '.join(readers)}")
        failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
