# Install gitsync. No key is in this step's environment: what is installed here runs code.
set -euo pipefail
umask 077
mkdir -p -- "$GITSYNC_WORK"
python3 -m venv --clear -- "$GITSYNC_WORK/venv"
"$GITSYNC_WORK/venv/bin/python" -m pip install \
  --quiet --disable-pip-version-check --no-input -- "$GITSYNC_INSTALL"
"$GITSYNC_WORK/venv/bin/gitsync" --version
