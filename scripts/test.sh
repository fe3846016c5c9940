#!/usr/bin/env bash
# Runs every test: the Swift ones, then the built binaries over real HTTP, on each of the databases.
# The build has been made before. What each suite printed is kept in var/test.
set -euo pipefail
cd "$(dirname "$0")/.."

# Some two dozen processes read the same Python: what one has compiled the others need not.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$PWD/var/pycache"

# The clients of the black-box tests: pytest, PostgreSQL's for Python, and Stripe's own SDK.
if [ ! -x .venv/bin/python ]; then python3 -m venv .venv; fi
.venv/bin/pip install --quiet --disable-pip-version-check --requirement Tests/requirements.txt
# For the axe-core in it alone: what the package itself would need is not installed.
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps axe-playwright-python==0.1.8

# The Python client's tests bring much that the others need not see, the oldest and the newest of it: the
# second and the third word of each line of one list.
for list in 2:.venv-clients-oldest 3:.venv-clients; do
    folder=${list#*:}
    if [ ! -x "$folder/bin/python" ]; then python3 -m venv "$folder"; fi
    awk -v word="${list%%:*}" '!/^#/ && $word != "-" { print $1 "==" $word }' \
        clients/python/versions.txt > "$folder/requirements.txt"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$folder/requirements.txt"
done

# The rest runs with a PostgreSQL and a RabbitMQ of its own, which end with it.
for server in POSTGRESQL:postgresql AMQP_URL:rabbitmq; do
    variable="CUEBX_TEST_${server%%:*}"
    if [ -z "${!variable:-}" ]; then
        exec .venv/bin/python "Tests/servers/${server#*:}.py" "$0"
    fi
done

logs=var/test
mkdir -p "$logs"
passed=0
failed=()

suite() {
    local name=$1 start=$SECONDS
    shift
    echo "=== $name"
    if "$@" 2>&1 | tee "$logs/$name.log"; then passed=$((passed + 1)); else failed+=("$name"); fi
    echo "=== $name took $((SECONDS - start)) s"
}

# A third of the time a test waits, so that more processes than there are cores keep them busy.
spread() {
    .venv/bin/python -m pytest --numprocesses $((3 * $(nproc))) --dist loadgroup "$@"
}

suite statics scripts/lazy_statics.py
# What holds a server or a worker to its deadlines runs apart: among hundreds of tests that compute
# its own turn may come too late.
deadlines='SlowClientTests|WorkerTests'
suite swift swift test -c release --skip-build --skip "$deadlines"
suite swift-deadlines swift test -c release --skip-build --filter "$deadlines"

# Each file on each engine, but for what is of one engine alone, and for what another database makes
# no difference to: pages, parsers, bytes on the wire, settings, packages and units, what hashing
# costs, what is set up at Stripe, currencies. What comes of Stripe's events and states is met there
# as well, with every statement that they lead to, but not from each state, each price and each shape
# that Stripe may answer with.
not_on_postgresql=()
for name in audit_mutations bench chromium deploy docs encrypted examples hashing hot_path integers kept_connections \
    lazy_statics money package parsers rabbitmq settings shell sqlite_files stripe_prices stripe_setup stripe_shapes stripe_states \
    threats tidy waiting wire; do
    not_on_postgresql+=(--ignore "Tests/service/test_$name.py")
done
# What goes through queues has RabbitMQ for the broker there: so each engine and each broker is met.
with_rabbitmq=()
for name in payments payments_events payments_unheard usage; do
    with_rabbitmq+=("Tests/service/test_$name.py")
done
suite postgresql spread --engine postgresql Tests/service "${not_on_postgresql[@]}" \
    "${with_rabbitmq[@]/#/--ignore=}"
CUEBX_TEST_BROKER=rabbitmq suite rabbitmq spread --engine postgresql "${with_rabbitmq[@]}"
suite sqlite spread --engine sqlite Tests/service --ignore Tests/service/test_several_processes.py
suite sandbox spread Tests/sandbox
suite crashes spread Tests/crashes
suite client-python .venv-clients/bin/python -m pytest --numprocesses $((2 * $(nproc))) \
    --dist loadgroup clients/python/tests Examples/tool-server
suite client-python-oldest .venv-clients-oldest/bin/python -m pytest \
    clients/python/tests/test_web.py clients/python/tests/test_providers.py
suite client-typescript clients/typescript/scripts/test.sh
suite client-swift swift test --package-path clients/swift --skip-build
# The clients of all languages in one run, so that they share services; and the Swift client's package.
suite clients .venv-clients/bin/python -m pytest --numprocesses $((2 * $(nproc))) \
    --dist loadgroup clients/scenarios clients/swift/Tests
suite client-python-types .venv-clients/bin/mypy --strict --cache-dir var/mypy clients/python/src

# The last lines tell what to look at, however long the rest is.
for name in ${failed[@]+"${failed[@]}"}; do
    echo "=== $name failed:"
    grep -E '^(FAILED|ERROR) |✘|error: ' "$logs/$name.log" | head -40 || tail -20 "$logs/$name.log"
done
echo "suites: $passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
