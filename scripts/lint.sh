#!/usr/bin/env bash
# The formatter's verdict, and a few rules that it does not know.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0

swift format lint --strict --recursive Sources Tests Package.swift || failed=1

complain() {
    echo "$1"
    failed=1
}

while IFS= read -r line; do
    complain "banned call without a reason above it: $line"
done < <(grep -rnE 'try!|fatalError\(|as! ' Sources || true)

while IFS= read -r line; do
    complain "left over: $line"
done < <(grep -rnE 'TODO|FIXME|XXX' Sources Tests scripts Makefile | grep -v 'scripts/lint.sh' || true)

while read -r lines file; do
    if [ "$lines" -gt 400 ]; then complain "$file has $lines lines; is there a seam?"; fi
done < <(git ls-files '*.swift' | xargs wc -l | grep -v ' total$')

exit "$failed"
