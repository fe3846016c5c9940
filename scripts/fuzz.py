#!/usr/bin/env python3
"""Fuzzes every parser of ours with libFuzzer, which is guided by the branches that an input reaches.

usage: scripts/fuzz.py [SECONDS [TARGET ...]]      60 seconds each, and all targets, if not given

The modules that hold the parsers are compiled anew with instrumentation, the way the package's own
build compiles them; all else is linked as that build left it. Inputs that reached something new stay
in .build/fuzz/corpus; one that breaks a promise is printed, and kept beside it."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".build"
OUT = BUILD / "fuzz"
INSTRUMENTED = [
    "Values", "Ledger", "JSON", "HTTPEndpoint", "HTTPServer", "Stripe", "Users", "Tokens", "Career"]
# Flags of the package's build that this one sets itself, with a value and without.
WITH_VALUE = {"-module-name", "-emit-module-path", "-output-file-map", "-num-threads",
              "-emit-objc-header-path", "-index-store-path", "-emit-const-values-path"}
ALONE = {"-emit-dependencies", "-emit-module", "-whole-module-optimization", "-c",
         "-serialize-diagnostics", "-parseable-output", "-emit-objc-header", "-incremental",
         "-parse-as-library"}


def flags_of(module):
    """How the package's build compiles a module, without what it writes where."""
    build = (BUILD / "release.yaml").read_text()
    found = re.search(
        r'"C\.%s-[^"-]*[^"]*-release\.module":\n(?:    .*\n)*?    args: (\[.*\])\n' % module, build)
    if not found:
        sys.exit(f"{module} is not in the build: run make test first")
    kept, rest = [], iter(json.loads(found.group(1))[1:])
    for flag in rest:
        if flag in WITH_VALUE:
            next(rest)
        elif flag not in ALONE and not flag.startswith("@") and not re.match(r"-j\d+$", flag):
            kept.append(flag)
    return [flag for flag in kept if not flag.endswith(".swift")]


def compile_module(module, sources, like=None):
    target = OUT / f"{module}.o"
    newest = max(source.stat().st_mtime for source in sources)
    if target.exists() and target.stat().st_mtime > max(newest, (BUILD / "release.yaml").stat().st_mtime):
        return target
    print(f"compiling {module}", flush=True)
    subprocess.run(
        ["swiftc", "-module-name", module, "-I", str(OUT), *flags_of(like or module),
         "-swift-version", "6", "-parse-as-library", "-wmo", "-sanitize=fuzzer", "-c",
         "-emit-module", "-emit-module-path", str(OUT / f"{module}.swiftmodule"),
         *map(str, sources), "-o", str(target)], check=True, cwd=ROOT)
    return target


def build():
    OUT.mkdir(parents=True, exist_ok=True)
    objects = [
        compile_module(module, sorted((ROOT / "Sources" / module).rglob("*.swift")))
        for module in INSTRUMENTED]
    tests = ROOT / "Tests/FuzzTests"
    sources = [path for path in tests.glob("*.swift")
               if path.name not in ("FuzzTests.swift", "Mutator.swift")]
    objects.append(compile_module(
        "Fuzzer", [*sources, ROOT / "Tests/Fuzzer/LibFuzzer.swift"], like="Career"))
    others = [
        line.strip().strip("'") for line in
        (BUILD / "release/cuebx.product/Objects.LinkFileList").read_text().splitlines()]
    own = {f"{module}.build" for module in [*INSTRUMENTED, "StripeSandbox", "cuebx"]}
    others = [path for path in others if path and not own & set(Path(path).parts)]
    binary = OUT / "fuzzer"
    if not binary.exists() or any(o.stat().st_mtime > binary.stat().st_mtime for o in objects):
        subprocess.run(
            ["swiftc", "-sanitize=fuzzer", *map(str, objects), *others, "-lsqlite3", "-lcurl",
             "-o", str(binary)], check=True, cwd=ROOT)
    return binary


def run(binary, target, seconds):
    corpus = OUT / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [binary, str(corpus), f"-max_total_time={seconds}", "-max_len=2048", "-timeout=10",
         "-rss_limit_mb=1024", f"-artifact_prefix={OUT}/{target}-", "-print_final_stats=1"],
        env={**os.environ, "FUZZ_TARGET": target, "SWIFT_BACKTRACE": "enable=no"},
        text=True, capture_output=True, errors="replace")
    text = result.stdout + result.stderr
    tried = re.search(r"number_of_executed_units: (\d+)", text)
    seed = re.search(r"Seed: (\d+)", text)
    covered = re.findall(r"cov: (\d+)", text)
    print(f"{target}: {tried.group(1) if tried else '?'} inputs, seed {seed.group(1) if seed else '?'},"
          f" {covered[-1] if covered else '?'} branches{'' if result.returncode == 0 else ': BROKEN'}",
          flush=True)
    if result.returncode:
        print(text[-4000:])
    return result.returncode == 0


def main():
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    text = (ROOT / "Tests/FuzzTests/FuzzTarget.swift").read_text()
    targets = sys.argv[2:] or re.findall(r"^    case (\w+)$", text, re.MULTILINE)
    binary = build()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda target: run(binary, target, seconds), targets))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
