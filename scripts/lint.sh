#!/usr/bin/env bash
# The formatter's verdict, and the rules that it does not know.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

client=clients/swift
swift format lint --strict --recursive Sources Tests Package.swift \
    "$client"/{Sources,Tests,Package.swift} || failed=1
scripts/tidy.py || failed=1
clients/wire_types.py --check || failed=1

exit "$failed"
