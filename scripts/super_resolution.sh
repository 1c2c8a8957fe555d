#!/usr/bin/env bash
# Trains experiment=super_resolution_best with three seeds on photos of free licences and evaluates it on Set5, then
# writes the table and the pictures of docs/how-to/super_resolution.md. Needs GAN_DATA_DIR with the photos that
# conf/data/free_photos.yaml names. Two runs at a time with one thread each; skips finished runs when run again.
#   scripts/super_resolution.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/super_resolution

for seed in 1 2 3; do
    if ! grep -qs '"status": "finished"' "$out/$seed/manifest.json"; then
        rm -rf "${out:?}/$seed"
        echo "seed=$seed hydra.run.dir=$out/$seed"
    fi
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py experiment=super_resolution_best {} > /dev/null'
python scripts/super_resolution_figures.py $out/*
