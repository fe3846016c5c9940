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
    exec .venv/bin/python Tests/postgresql.py "$0"
fi

failed=0
python3 Tests/servers/rabbitmq.py swift test -c release --skip-build || failed=1

suite() {
    .venv/bin/python -m pytest --quiet -p no:cacheprovider -o faulthandler_timeout=120 "$@"
}

# On PostgreSQL, what its engine could do otherwise: not what reads pages, parsers or SQLite's file.
on_postgresql=()
for name in several_processes usage identity identity_provider users catalog operations payments \
    payments_events payments_queue payments_life mail rules_catalog rules_queue; do
    on_postgresql+=("Tests/service/test_$name.py")
done
suite --engine postgresql "${on_postgresql[@]}" || failed=1
suite --engine sqlite Tests/service --ignore Tests/service/test_several_processes.py || failed=1
# Once more, with RabbitMQ for the broker, what goes through queues.
CUEBX_TEST_BROKER=rabbitmq suite --engine sqlite Tests/service/test_payments.py \
    Tests/service/test_payments_events.py Tests/service/test_mail.py Tests/service/test_usage.py \
    || failed=1
suite Tests/sandbox || failed=1
suite Tests/crashes || failed=1
exit "$failed"
