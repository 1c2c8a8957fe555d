#!/usr/bin/env bash
# Trains experiment=captions with three seeds, or those in SEEDS, and writes the table and the image of
# docs/how-to/text.md. Two runs at a time with one thread each. Data are downloaded if they are missing; skips finished
# runs when run again.
#   scripts/text.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/text/captions

for seed in ${SEEDS:-1 2 3}; do
    if ! grep -qs '"status": "finished"' "$out/$seed/manifest.json"; then
        rm -rf "${out:?}/$seed"
        echo "seed=$seed hydra.run.dir=$out/$seed"
    fi
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py experiment=captions {} > /dev/null'
python scripts/text_figures.py $out/*
