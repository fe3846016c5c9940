#!/usr/bin/env bash
# Runs every test: the Swift ones, then the built binaries over real HTTP, on each of the databases.
# The build has been made before.
set -euo pipefail
cd "$(dirname "$0")/.."

# The clients of the black-box tests: pytest, PostgreSQL's for Python, and Stripe's own SDK.
if [ ! -x .venv/bin/python ]; then python3 -m venv .venv; fi
.venv/bin/pip install --quiet --disable-pip-version-check --requirement Tests/requirements.txt

# The rest runs with a PostgreSQL of its own, which ends with it.
if [ -z "${CUEBX_TEST_POSTGRESQL:-}" ]; then
    exec .venv/bin/python Tests/servers/postgresql.py "$0"
fi

failed=0
python3 Tests/servers/rabbitmq.py swift test -c release --skip-build || failed=1

suite() {
    .venv/bin/python -m pytest --quiet -p no:cacheprovider -o faulthandler_timeout=120 "$@"
}

# Half of the time a test waits, so that twice as many processes as there are cores keep them busy.
spread() {
    suite --numprocesses $((2 * $(nproc))) --dist loadgroup "$@"
}

# Each file on each engine, but for what is of one engine alone, and for what another database makes
# no difference to: pages, parsers, bytes on the wire, settings.
not_on_postgresql=(--ignore Tests/service/test_sqlite_files.py)
for name in docs parsers settings threats waiting wire; do
    not_on_postgresql+=(--ignore "Tests/service/test_$name.py")
done
spread --engine postgresql Tests/service "${not_on_postgresql[@]}" || failed=1
spread --engine sqlite Tests/service --ignore Tests/service/test_several_processes.py || failed=1
# Once more, with RabbitMQ for the broker, what goes through queues.
CUEBX_TEST_BROKER=rabbitmq spread --engine postgresql Tests/service/test_payments.py \
    Tests/service/test_payments_events.py Tests/service/test_mail.py Tests/service/test_usage.py \
    || failed=1
suite Tests/sandbox || failed=1
suite Tests/crashes || failed=1
exit "$failed"
