# shellcheck shell=bash
# What the commands share: which environment, how a stack is named and brought to its template.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

environment=${ENV:-}
if [ -z "$environment" ] || [ ! -f "aws/environments/$environment.env" ]; then
  echo "Say which environment: ENV=production (a file aws/environments/production.env; example.env shows one)" >&2
  exit 2
fi
# Read, not run: KEY=value lines.
while IFS='=' read -r key value; do
  case "$key" in '' | \#*) continue ;; esac
  declare -x "$key=$value"
done <"aws/environments/$environment.env"
: "${PREFIX:?}" "${REGION:?}" "${BASE_URL:?}" "${MAIL_FROM:?}" "${GLOBUS_CLIENT_ID:?}" "${CERTIFICATE_ARN:?}"
export AWS_DEFAULT_REGION=$REGION AWS_PAGER=''
dry_run=${DRY_RUN:-0}

say() { echo "gas: $*"; }
stack_name() { echo "$PREFIX-$1"; }

# The rows of aws/queues.tsv as `queue topic visibility oldest`.
queues() { grep -v '^#' aws/queues.tsv; }

# The order in which stacks are made.
stacks() { grep -v '^#' aws/stacks/order.txt; }

# output STACK KEY: one output of a stack, empty where there is no such stack.
output() {
  aws cloudformation describe-stacks --stack-name "$(stack_name "$1")" \
    --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" --output text 2>/dev/null || true
}

# bring STACK TEMPLATE KEY=VALUE...: makes or changes one stack; a dry run prints what would change.
bring() {
  local name template=aws/stacks/$2.yaml
  name=$(stack_name "$1")
  shift 2
  local command=(aws cloudformation deploy --stack-name "$name" --template-file "$template"
    --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --tags "gas=$PREFIX"
    --parameter-overrides "Prefix=$PREFIX" "$@")
  if [ "$dry_run" = 1 ]; then
    say "would change in $name:"
    # A stack that imports from one not made yet cannot be planned.
    local planned
    if planned=$("${command[@]}" --no-execute-changeset 2>&1); then
      local set
      set=$(grep -o 'arn:[^ ]*:changeSet/[^ ]*' <<<"$planned" | tail -n 1 || true)
      if [ -z "$set" ]; then
        echo '  nothing'
        return
      fi
      aws cloudformation describe-change-set --change-set-name "$set" --output text \
        --query 'Changes[].ResourceChange.[Action,LogicalResourceId,ResourceType,Replacement]'
      aws cloudformation delete-change-set --change-set-name "$set"
    else
      echo "  cannot be planned yet: ${planned##*$'\n'}"
    fi
    return
  fi
  say "$name"
  "${command[@]}"
}

# Every stack of the environment that holds no machines.
bring_foundation() {
  bring network network "NetworkPrefix=${NETWORK_PREFIX:-10.20}" "NatPerZone=${NAT_PER_ZONE:-false}"
  bring messaging messaging
  local queue topic visibility oldest
  while read -r queue topic visibility oldest; do
    bring "queue-$queue" queue "Queue=$queue" "Topic=$topic" \
      "VisibilitySeconds=$visibility" "OldestSeconds=$oldest"
  done < <(queues)
  bring data data "BaseUrl=$BASE_URL" "MailFrom=$MAIL_FROM" "GlobusClientId=$GLOBUS_CLIENT_ID" \
    "DatabaseInTwoZones=${DATABASE_IN_TWO_ZONES:-true}" "DatabaseClass=${DATABASE_CLASS:-db.t4g.micro}"
}

# bring_pools RELEASE SHA256: the three pools; a running pool keeps its launch template's version.
bring_pools() {
  local common=("Release=$1" "ReleaseSha256=$2" "Image=$image")
  bring web web "${common[@]}" "CertificateArn=$CERTIFICATE_ARN" "MachineType=$web_machine" \
    "Least=${WEB_LEAST:-2}" "Most=${WEB_MOST:-10}"
  bring workers workers "${common[@]}" "MachineTypes=$worker_machines" \
    "Least=${WORKERS_LEAST:-2}" "Most=${WORKERS_MOST:-20}" "OnDemandPercent=${ON_DEMAND_PERCENT:-100}"
  bring services services "${common[@]}" "MachineType=$service_machine" \
    "SenderIdentity=${SENDER_IDENTITY:-${MAIL_FROM##*@}}"
}

# The release to install: RELEASE, else the newest one in dist/. Sets key, sha256 and what fits it.
choose_release() {
  local file=${RELEASE:-}
  if [ -z "$file" ] && [ -d dist ]; then
    file=$(find dist -maxdepth 1 -name 'gas-*.tar.gz' | sort | tail -n 1)
  fi
  if [ -z "$file" ] || [ ! -f "$file" ] || [ ! -f "$file.sha256" ]; then
    echo 'There is no release: run make aws-package, or name one with RELEASE=dist/gas-....tar.gz' >&2
    exit 2
  fi
  release_file=$file
  release_key=releases/$(basename "$file")
  # shellcheck disable=SC2034 # the commands that source this file use it
  release_sha256=$(cut -d' ' -f1 "$file.sha256")
  local kind=x86_64
  web_machine=${WEB_MACHINE:-t3.small} service_machine=${SERVICE_MACHINE:-t3.micro}
  worker_machines=${WORKER_MACHINES:-c6a.large,m6a.large,m5a.large}
  case "$file" in
    *-aarch64.tar.gz)
      kind=arm64
      web_machine=${WEB_MACHINE:-t4g.small} service_machine=${SERVICE_MACHINE:-t4g.micro}
      worker_machines=${WORKER_MACHINES:-m7g.large,m6g.large,c7g.large}
      ;;
  esac
  image=/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-$kind
}

upload_release() {
  local bucket
  bucket=$(output artifacts ReleasesBucket)
  if [ "$dry_run" = 1 ]; then
    say "would upload $release_file"
    return
  fi
  say "uploading $release_file"
  aws s3 cp --only-show-errors "$release_file" "s3://$bucket/$release_key"
}
