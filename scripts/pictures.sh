#!/usr/bin/env bash
# Makes the README's images: samples of experiment=quickstart, and TensorBoard's view of that run (needs Chromium).
#   scripts/pictures.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
port=6123
mkdir -p docs
run=$(mktemp -d)
trap 'kill %1 2>/dev/null || true; rm -rf "$run"' EXIT

python train.py experiment=quickstart hydra.run.dir="$run/outputs/quickstart"
cp "$(ls "$run"/outputs/quickstart/samples/*.png | tail -1)" docs/quickstart.png

tensorboard --logdir "$run/outputs" --port $port >/dev/null 2>&1 &
sleep 15
chromium --headless --no-sandbox --disable-gpu --disable-3d-apis --no-first-run --disable-background-networking \
    --user-data-dir="$run/chromium" --window-size=1500,1400 --virtual-time-budget=30000 \
    --screenshot=docs/tensorboard.png \
    "http://localhost:$port/?darkMode=false&tagFilter=loss%7Cprobability%7Csamples#timeseries"
