# One run of the witness: verify the ledger from its anchor, decide what is pending, push.
# Nothing that a proposer wrote is checked out or executed: the ledger is fetched as objects,
# and what is printed is JSON, whose lines no title or file name can begin.
set -euo pipefail
umask 077

fail() {
  printf 'gitsync witness: %s\n' "$1" >&2
  exit 3
}

# A key is text, or the file that a forge puts a secret into, or base64 of the text where only
# secrets of one line are masked in logs.
read_key() {
  local value=${!1:-}
  [ -n "$value" ] || fail "the secret $1 is not set for this job"
  if [ -f "$value" ]; then
    value=$(cat -- "$value")
  fi
  case $value in
    *-----BEGIN*) ;;
    *) value=$(printf '%s' "$value" | base64 --decode 2>/dev/null | tr -d '\0') || value= ;;
  esac
  case $value in
    *-----BEGIN*) printf '%s\n' "$value" ;;
    *) fail "the secret $1 holds no private key" ;;
  esac
}

GITSYNC_KEY=$(read_key GITSYNC_KEY)
run=$(mktemp -d -- "$GITSYNC_WORK/run.XXXXXX")
trap 'rm -rf -- "$run"' EXIT

if [ -n "${GITSYNC_KNOWN_HOSTS:-}" ]; then
  push_key=$(read_key GITSYNC_PUSH_KEY)
  printf '%s\n' "$push_key" >"$run/push_key"
  printf '%s\n' "$GITSYNC_KNOWN_HOSTS" >"$run/known_hosts"
  GIT_SSH_COMMAND="ssh -F none -i '$run/push_key' -o IdentitiesOnly=yes -o IdentityAgent=none"
  GIT_SSH_COMMAND+=" -o UserKnownHostsFile='$run/known_hosts' -o GlobalKnownHostsFile=/dev/null"
  GIT_SSH_COMMAND+=" -o StrictHostKeyChecking=yes -o BatchMode=yes -o ConnectTimeout=30"
  export GIT_SSH_COMMAND
fi
unset GITSYNC_PUSH_KEY push_key

# How far was verified is kept where the forge may bring it back next time: a ledger that shows
# less is refused then. It is never where verification begins.
export XDG_STATE_HOME="$GITSYNC_WORK/state" TMPDIR="$run"
export GITSYNC_KEY GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null

code=0
"$GITSYNC_WORK/venv/bin/gitsync" witness run --once --json \
  --home "$GITSYNC_HOME" --anchor "$GITSYNC_ANCHOR" || code=$?
case $code in
  0) ;;
  1) printf 'gitsync witness: refused; nothing was signed on top of it\n' >&2 ;;
  3) printf 'gitsync witness: what is pending waits for the next run\n' >&2 ;;
  *) printf 'gitsync witness: it ended with %s; the next run mends what it left\n' "$code" >&2 ;;
esac
exit "$code"
