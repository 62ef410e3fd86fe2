#!/usr/bin/env bash
# Writes the secrets that docker-compose.yml mounts. Existing files are kept, so
# it can be run again. Compose mounts each file as it is, into containers that
# run under ids of their own: the files are readable, the folder is not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

mkdir -p secrets
chmod 700 secrets
umask 022

random_hex() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

put() { # name value
    if [ -e "secrets/$1" ]; then
        echo "kept    deploy/secrets/$1"
    else
        printf '%s' "$2" >"secrets/$1.new"
        mv "secrets/$1.new" "secrets/$1"
        echo "written deploy/secrets/$1"
    fi
}

put postgres_password "$(random_hex)"
put postgres_dsn "postgres://tansu:$(cat secrets/postgres_password)@postgres:5432/tansu?sslmode=disable"
put operator_token "$(random_hex)"
put master_key "$(head -c 32 /dev/urandom | base64 | tr -d "\n")"
put rabbitmq_password "$(random_hex)"
put rabbitmq_conf "default_user = tansu
default_pass = $(cat secrets/rabbitmq_password)
vm_memory_high_watermark.absolute = 400MB
disk_free_limit.absolute = 1GB
"
put amqp_url "amqp://tansu:$(cat secrets/rabbitmq_password)@rabbitmq:5672/"
put redis_password "$(random_hex)"
put redis_conf "requirepass $(cat secrets/redis_password)
"
put redis_url "redis://:$(cat secrets/redis_password)@redis:6379/0"
