#!/usr/bin/env bash
# Builds the client and runs its own tests; the scenarios are run by pytest, on what was built.
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/build.mjs
node --test test/*.test.mjs
