#!/usr/bin/env bash
# Cuts the package into a repository of its own, since SwiftPM takes none from a folder of a repository.
#
#   clients/swift/scripts/cut.sh FOLDER VERSION
#
# FOLDER is made, or is a clone of what was cut before: it gets what is committed here as one more commit, and
# VERSION as a tag. Push both from there.
set -euo pipefail
folder=${1:?a folder} version=${2:?a version, e.g. 0.1.0}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "$version is no version such as 0.1.0" >&2; exit 1; }
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
commit=$(git -C "$root" rev-parse --short HEAD)

mkdir -p "$folder"
cd "$folder"
[ -d .git ] || git init --quiet --initial-branch main
if [ -n "$(git tag --list "$version")" ]; then echo "$version was cut before" >&2; exit 1; fi

# What a file was called that is no more must not stay.
git rm --quiet -r --ignore-unmatch .
git -C "$root" archive HEAD:clients/swift | tar --extract
mkdir -p scenarios
git -C "$root" archive HEAD:clients/scenarios vectors | tar --extract --directory scenarios
git -C "$root" show HEAD:clients/spool.md > spool.md
printf '.build/\nPackage.resolved\n' > .gitignore

git add --all
git commit --quiet --message "CueBX for Swift $version" --message "Cut from $commit."
git tag "$version"
echo "$version is cut in $PWD"
