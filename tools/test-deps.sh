#!/usr/bin/env bash
# Finds what the tests need: PostgreSQL's server binaries, and a C compiler for
# the race detector. As root on Debian or Ubuntu it installs what is missing;
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

compiler=$(go env CC)
if ! command -v "${compiler%% *}" >/dev/null && can_install; then
    install gcc libc6-dev
fi
if ! command -v "${compiler%% *}" >/dev/null; then
    echo "test-deps: no C compiler ($compiler), which go test -race needs." >&2
    echo "           Debian, Ubuntu: apt-get install gcc libc6-dev; Fedora: dnf install gcc; macOS: xcode-select --install" >&2
    exit 1
fi
