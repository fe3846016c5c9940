#!/usr/bin/env bash
# Installs the Debian packages that the project needs and this machine lacks, saying so first. With
# "tests", those that only the tests need too; with "screens" or "package", those of that target.
set -euo pipefail

packages=(libsqlite3-dev libcurl4-openssl-dev libpq-dev librabbitmq-dev pkg-config)

# The tests, and the bench where it measures PostgreSQL, start servers of their own in private folders;
# the machine's are left alone. A PostgreSQL that is already here will do, whatever package it came
# with.
if ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && ! command -v initdb >/dev/null; then
    packages+=(postgresql)
fi
if [ "${1:-}" = tests ]; then
    # Caddy is a proxy that keeps connections in a pool. Java's own client asks each server for HTTP/2;
    # the tests run it from its source, which takes the compiler that a run-time alone has not.
    packages+=(rabbitmq-server caddy openjdk-17-jdk-headless)
    # The TypeScript client is compiled and run; any Node from 18 on will do.
    if ! command -v node >/dev/null; then packages+=(nodejs); fi
    if ! command -v tsc >/dev/null; then packages+=(node-typescript); fi
    # The manual is read as people read it.
    packages+=(groff-base)
    # What a metering cycle costs is counted in instructions.
    packages+=(valgrind)
fi
# The pages are met in a real browser, too, and their pictures are made small.
if [ "${1:-}" = tests ] || [ "${1:-}" = screens ]; then
    packages+=(chromium chromium-driver fonts-liberation)
fi
if [ "${1:-}" = screens ]; then packages+=(pngquant); fi
# The Debian package: which packages have the libraries that the binary names.
if [ "${1:-}" = tests ] || [ "${1:-}" = package ]; then packages+=(dpkg-dev binutils); fi

if ! command -v swift >/dev/null; then
    echo "A Swift 6.3 toolchain is needed and not on PATH: see https://www.swift.org/install" >&2
    exit 1
fi

# The black-box tests run on Python; any that can make a virtual environment will do.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then packages+=(python3 python3-venv); fi

missing=()
for package in "${packages[@]}"; do
    if ! dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null |
        grep --quiet 'install ok installed'; then
        missing+=("$package")
    fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then sudo=(sudo); fi
echo "Installing with apt: ${missing[*]}"
# A server that is installed for the tests is not started: Debian asks this file, where there is one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod 755 "$policy"
    trap '"${sudo[@]}" rm -f "$policy"' EXIT
fi
"${sudo[@]}" apt-get update --quiet --quiet
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install --quiet --quiet --yes \
    --no-install-recommends "${missing[@]}"
