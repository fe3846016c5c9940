#!/usr/bin/env bash
# Runs every test. The build has been made before.
set -euo pipefail
cd "$(dirname "$0")/.."

swift test -c release --skip-build
