#!/usr/bin/env bash
# Runs every test: the Swift ones, then the built binaries over real HTTP. The build has been made
# before.
set -euo pipefail
cd "$(dirname "$0")/.."

python3 Tests/servers/rabbitmq.py swift test -c release --skip-build

# The clients of the black-box tests: pytest, and Stripe's own SDK.
if [ ! -x .venv/bin/python ]; then python3 -m venv .venv; fi
.venv/bin/pip install --quiet --disable-pip-version-check --requirement Tests/requirements.txt
for suite in service sandbox; do
    .venv/bin/python -m pytest --quiet -p no:cacheprovider -o faulthandler_timeout=120 \
        "Tests/$suite"
done

# Once more, with RabbitMQ for the broker, what goes through queues.
CUEBX_TEST_BROKER=rabbitmq .venv/bin/python -m pytest --quiet -p no:cacheprovider \
    -o faulthandler_timeout=120 Tests/service/test_payments.py \
    Tests/service/test_payments_events.py Tests/service/test_mail.py Tests/service/test_usage.py
