#!/bin/bash
# Installs one role of the release this file lies in, on a machine of Amazon Linux 2023, and starts it.
#
#   install.sh --role web|annotator|services --prefix gas
#
# Run again, it brings the machine to the same state. Any failure ends it with a status that is not 0.
set -euo pipefail

role='' prefix=''
while [ $# -gt 0 ]; do
  case "$1" in
    --role) role=$2 ;;
    --prefix) prefix=$2 ;;
    *) echo "install.sh: unknown option $1" >&2; exit 2 ;;
  esac
  shift 2
done
release=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
units=$(awk -F'\t' -v role="$role" '$1 == role { print $2 }' "$release/node/roles.tsv")
if [ -z "$units" ] || [ -z "$prefix" ]; then
  echo 'install.sh: --role must be one of node/roles.tsv, --prefix must be given' >&2
  exit 2
fi
# Empty on a machine; a test installs into a folder of its own.
root=${GAS_INSTALL_ROOT:-}
region=${AWS_DEFAULT_REGION:?}
say() { echo "gas install: $*"; }

say "release $(cat "$release/VERSION"), role $role"
dnf install -y -q python3.11 amazon-cloudwatch-agent logrotate
id gas >/dev/null 2>&1 || useradd --system --home-dir /var/lib/gas --shell /sbin/nologin gas
install -d -m 0755 "$root/etc/gas" "$root/opt" "$root/etc/systemd/system" "$root/etc/logrotate.d"
install -d -m 0750 -o gas -g gas "$root/var/log/gas"

say 'logs and machine metrics'
agent=$root/opt/aws/amazon-cloudwatch-agent/etc/gas.json
install -d -m 0755 "$(dirname "$agent")"
sed -e "s|@PREFIX@|$prefix|g" -e "s|@ROLE@|$role|g" "$release/node/cloudwatch-agent.json" >"$agent"
"$root/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl" \
  -a fetch-config -m ec2 -s -c "file:$agent"
install -m 0644 "$release/node/logrotate.conf" "$root/etc/logrotate.d/gas"

say 'the program'
# Each release has a folder of its own; /opt/gas points at the one in use.
home=$root/opt/gas-$(cat "$release/VERSION")
if [ ! -e "$home/.installed" ]; then
  rm -rf "$home"
  install -d -m 0755 "$home"
  cp -a "$release/program/." "$home/"
  python3.11 -m venv "$home/.venv"
  "$home/.venv/bin/pip" install --quiet --no-index --find-links "$release/wheels" \
    --disable-pip-version-check --require-hashes -r "$home/requirements.txt"
  "$home/.venv/bin/python" -m compileall -q "$home/gas" "$home/web" "$home/ann" "$home/util"
  touch "$home/.installed"
fi
ln -sfn "${home#"$root"}" "$root/opt/gas"

say 'settings'
curl -fsS --retry 5 -o "$root/etc/gas/database-ca.pem" \
  "https://truststore.pki.rds.amazonaws.com/$region/$region-bundle.pem"
secret() { aws secretsmanager get-secret-value --secret-id "$prefix/$1" --query SecretString --output text; }
below() {
  aws ssm get-parameters-by-path --path "/$prefix/$1" --query 'Parameters[].[Name,Value]' --output text
}
slots=$(nproc)
# What the system and the daemons need stays free; the engines share the rest.
memory=$(awk -v slots="$slots" '/^MemTotal:/ { printf "%d", ($2 - 786432) * 1024 / slots }' /proc/meminfo)
database_host=$(below database | awk -F'\t' '$1 ~ /\/host$/ { print $2 }')
database_password=$(secret database | python3.11 -c 'import json, sys; print(json.load(sys.stdin)["password"])')
# What signs for browsers and logs people in is for web machines alone.
secret_key=not-for-this-machine globus_secret=not-for-this-machine
if [ "$role" = web ]; then
  secret_key=$(secret secret-key)
  globus_secret=$(secret globus-client-secret)
fi
umask 077
new=$root/etc/gas/gas.env.new
{
  below settings | awk -F'\t' '{ n = split($1, path, "/"); print path[n] "=" $2 }' | sort
  echo "DATABASE_URL=postgresql+psycopg2://gas:$database_password@$database_host:5432/gas?sslmode=verify-full&sslrootcert=/etc/gas/database-ca.pem"
  echo "GAS_HOME=/var/lib/gas"
  echo "GAS_REFERENCE=/opt/gas/reference"
  echo "GAS_ANNOTATOR_SLOTS=$slots"
  echo "GAS_ENGINE_MEMORY_BYTES=$memory"
  # A job is let finish, however long it may run: a machine that goes is waited for.
  echo "GAS_DRAIN_SECONDS=39600"
  echo "GAS_SECRET_KEY=$secret_key"
  echo "GAS_GLOBUS_CLIENT_SECRET=$globus_secret"
  if [ "$role" = web ]; then
    echo "GAS_BIND=0.0.0.0:8080"
    echo "GAS_TRUSTED_PROXIES=1"
    echo "GAS_WEB_WORKERS=$slots"
  fi
} >"$new"
umask 022
chown root:gas "$new"
chmod 0640 "$new"
mv "$new" "$root/etc/gas/gas.env"

say 'units'
if [ "$role" = services ]; then
  # Each daemon takes a role of its own, which the machine's may take.
  account=$(sed -n 's/^GAS_AWS_ACCOUNT_ID=//p' "$root/etc/gas/gas.env")
  partition=$(aws sts get-caller-identity --query Arn --output text | cut -d: -f2)
  for unit in $units; do
    printf '[profile %s]\nrole_arn = arn:%s:iam::%s:role/%s-%s-%s\ncredential_source = Ec2InstanceMetadata\nregion = %s\n' \
      "$unit" "$partition" "$account" "$prefix" "$unit" "$region" "$region"
  done >"$root/etc/gas/aws.config"
fi
for unit in $units; do
  install -m 0644 "$release/systemd/gas-$unit.service" "$root/etc/systemd/system/"
  install -d -m 0755 "$root/etc/systemd/system/gas-$unit.service.d"
  {
    printf '[Service]\nStandardOutput=append:/var/log/gas/%s.log\nStandardError=append:/var/log/gas/%s.log\n' "$unit" "$unit"
    if [ "$role" = services ]; then
      printf 'Environment=AWS_CONFIG_FILE=/etc/gas/aws.config AWS_PROFILE=%s\n' "$unit"
    fi
    if [ "$unit" = annotator ]; then
      printf 'TimeoutStopSec=39900\n'
    fi
  } >"$root/etc/systemd/system/gas-$unit.service.d/machine.conf"
done
if [ "$role" = annotator ]; then
  install -D -m 0755 "$release/node/gas-drain" "$root/opt/gas-node/gas-drain"
  install -m 0644 "$release/node/gas-drain.service" "$root/etc/systemd/system/"
  printf '[Service]\nEnvironment=GAS_POOL=%s-annotator AWS_DEFAULT_REGION=%s\n' "$prefix" "$region" |
    install -D -m 0644 /dev/stdin "$root/etc/systemd/system/gas-drain.service.d/machine.conf"
  units="$units drain"
fi
systemctl daemon-reload
for unit in $units; do
  systemctl enable --quiet "gas-$unit"
  systemctl restart "gas-$unit"
done

say 'waiting until it works'
tries=${GAS_INSTALL_TRIES:-60}
works() {
  for unit in $units; do
    systemctl is-active --quiet "gas-$unit" || return 1
  done
  if [ "$role" = web ]; then
    curl -fsS -o /dev/null http://127.0.0.1:8080/healthz || return 1
  fi
}
steady=0
while [ "$steady" -lt 3 ]; do
  tries=$((tries - 1))
  if [ "$tries" -lt 0 ]; then
    say 'it does not work'
    tail -n 20 "$root"/var/log/gas/*.log || true
    exit 1
  fi
  sleep "${GAS_INSTALL_PAUSE:-2}"
  # Three times in a row, so that a program that starts and falls is not taken for one that runs.
  if works; then steady=$((steady + 1)); else steady=0; fi
done
say 'done'
