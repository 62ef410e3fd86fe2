#!/usr/bin/env bash
# Finds what the tests need: the server programs of PostgreSQL, RabbitMQ and
# Redis, of which they start private ones, Node.js for a client in JavaScript, and
# a C compiler for the race detector.
# As root on Debian or Ubuntu it installs what is missing, and starts none of it;
# otherwise it says what to do.
set -euo pipefail

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install() {
    echo "test-deps: installing $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

listens() { # port
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

policy=/usr/sbin/policy-rc.d # which Debian asks whether to start a service
own_policy=

restore_policy() {
    [ -n "$own_policy" ] || return 0
    rm -f "$policy"
    if [ -e "$policy.kept" ] || [ -L "$policy.kept" ]; then mv "$policy.kept" "$policy"; fi
    own_policy=
}
trap restore_policy EXIT
trap 'exit 130' INT TERM

# Installs a package whose services neither start now nor with the machine.
install_stopped() { # package port units...
    local package=$1 port=$2 busy=
    shift 2
    if listens "$port"; then busy=yes; fi
    if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$policy.kept"; fi
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    install "$package"
    restore_policy
    if command -v systemctl >/dev/null; then
        systemctl disable --quiet "$@" 2>/dev/null || true
    fi
    if [ -z "$busy" ] && listens "$port"; then
        echo "test-deps: installing $package started it (port $port); stop it: service $package stop" >&2
        exit 1
    fi
}

find_postgres() {
    local dir newest
    if [ -n "${TANSU_PG_BIN:-}" ]; then
        if [ ! -x "$TANSU_PG_BIN/postgres" ]; then
            echo "test-deps: TANSU_PG_BIN=$TANSU_PG_BIN holds no postgres; correct it or unset it" >&2
            exit 1
        fi
        echo "$TANSU_PG_BIN"
        return
    fi
    # The folders in which platform/embedded looks.
    newest=$(for dir in ${PATH//:/ } /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
        /usr/local/pgsql/bin /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin /opt/local/lib/postgresql*/bin \
        /Applications/Postgres.app/Contents/Versions/[0-9]*/bin; do
        if [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ]; then echo "$dir"; fi
    done | sort -V | tail -n 1)
    echo "$newest"
}

postgres=$(find_postgres)
if [ -z "$postgres" ] && can_install; then
    # The tests start servers of their own; the packaged one would only lie about.
    mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/no-main-cluster.conf
    install postgresql
    postgres=$(find_postgres)
fi
if [ -n "$postgres" ]; then
    echo "test-deps: PostgreSQL in $postgres"
else
    echo "test-deps: no PostgreSQL binaries found; the tests will fetch them once (needs the network)." >&2
    echo "           To use your own: install PostgreSQL 15 or newer, or set TANSU_PG_BIN to the folder of initdb." >&2
fi

# The folders in which platform/rabbitmqtest looks. The rabbitmq-server that
# Debian puts into /usr/sbin runs as root or as its own user only.
find_rabbitmq() {
    local dir
    command -v epmd >/dev/null || return 0
    for dir in /usr/lib/rabbitmq/bin /opt/homebrew/opt/rabbitmq/sbin /usr/local/opt/rabbitmq/sbin ${PATH//:/ }; do
        if [ "${dir%/}" != /usr/sbin ] && [ -x "$dir/rabbitmq-server" ]; then
            echo "$dir"
            return
        fi
    done
}

if [ -n "${TANSU_TEST_AMQP_URL:-}" ]; then
    echo "test-deps: RabbitMQ by TANSU_TEST_AMQP_URL; tests that stop and kill one need the programs as well"
fi
rabbitmq=$(find_rabbitmq)
if [ -z "$rabbitmq" ] && can_install; then
    install_stopped rabbitmq-server 5672 rabbitmq-server.service epmd.service epmd.socket
    rabbitmq=$(find_rabbitmq)
fi
if [ -n "$rabbitmq" ]; then
    echo "test-deps: RabbitMQ in $rabbitmq"
else
    echo "test-deps: no RabbitMQ found; the tests that need it will fail." >&2
    echo "           Install rabbitmq-server (Debian, Ubuntu, Fedora) or rabbitmq (Homebrew), or run one, as by" >&2
    echo "           docker run --rm -p 127.0.0.1:5672:5672 rabbitmq:4.1.5, and set" >&2
    echo "           TANSU_TEST_AMQP_URL=amqp://guest:guest@127.0.0.1:5672/" >&2
fi

if [ -n "${TANSU_TEST_REDIS_URL:-}" ]; then
    echo "test-deps: Redis by TANSU_TEST_REDIS_URL; tests that stop one need the program as well"
fi
if ! command -v redis-server >/dev/null && can_install; then
    install_stopped redis-server 6379 redis-server.service
fi
if command -v redis-server >/dev/null; then
    echo "test-deps: Redis in $(command -v redis-server)"
else
    echo "test-deps: no Redis found; the tests that need it will fail." >&2
    echo "           Install redis-server (Debian, Ubuntu) or redis (Fedora, Homebrew), or run one, as by" >&2
    echo "           docker run --rm -p 127.0.0.1:6379:6379 redis:7.2.11, and set" >&2
    echo "           TANSU_TEST_REDIS_URL=redis://127.0.0.1:6379/0" >&2
fi

node_works() { # which version 16 does not
    command -v npm >/dev/null && command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]
}
if ! node_works && can_install; then
    install nodejs npm
fi
if node_works; then
    echo "test-deps: Node.js $(node --version) in $(command -v node), with npm; a test fetches openid-client once (needs the network)"
else
    echo "test-deps: no Node.js 18 or newer with npm found; the test that needs it will fail." >&2
    echo "           Install nodejs and npm (Debian, Ubuntu, Fedora) or node (Homebrew), or take it from https://nodejs.org/" >&2
fi

compiler=$(go env CC)
if ! command -v "${compiler%% *}" >/dev/null && can_install; then
    install gcc libc6-dev
fi
if ! command -v "${compiler%% *}" >/dev/null; then
    echo "test-deps: no C compiler ($compiler), which go test -race needs." >&2
    echo "           Debian, Ubuntu: apt-get install gcc libc6-dev; Fedora: dnf install gcc; macOS: xcode-select --install" >&2
    exit 1
fi
