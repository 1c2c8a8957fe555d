#!/usr/bin/env bash
# Trains experiment=super_resolution with three seeds on photos of free licences and evaluates it on Set5, then writes the
# table and the pictures of docs/how-to/super_resolution.md. Needs GAN_DATA_DIR with gb82, cid22_128 and set5. Skips
# finished runs when run again.
#   scripts/super_resolution.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH"
out=outputs/super_resolution

for seed in 1 2 3; do
    if ! grep -qs '"status": "finished"' "$out/$seed/manifest.json"; then
        rm -rf "${out:?}/$seed"
        python train.py experiment=super_resolution_best seed=$seed hydra.run.dir=$out/$seed
    fi
done
python scripts/super_resolution_figures.py $out/*
