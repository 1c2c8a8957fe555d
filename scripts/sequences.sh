#!/usr/bin/env bash
# Trains GANs of text and music with three seeds, or those in SEEDS, on all data, or those in DATA, and writes the tables
# of docs/how-to/text.md and docs/how-to/music.md and the image of temperatures. Two runs at a time with one thread each.
# Data are downloaded if they are missing; skips finished runs when run again.
#   scripts/sequences.sh
#   SEEDS=1 DATA="grammar cadences" scripts/sequences.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/sequences

declare -A options=(
    [grammar]="experiment=text"
    [captions]="experiment=captions"
    [captions_texygen]="experiment=captions data=captions_texygen"
    [poems]="experiment=captions data=poems model.generator.drafter.period=20 model.generator.drafter.end=null"
    [oracle]="experiment=captions data=oracle"
    [cadences]="experiment=music"
    [chorales]="experiment=music data=chorales"
)
for seed in ${SEEDS:-1 2 3}; do
    for data in ${DATA:-grammar captions captions_texygen poems oracle cadences chorales}; do
        if ! grep -qs '"status": "finished"' "$out/$data/$seed/manifest.json"; then
            rm -rf "${out:?}/$data/$seed"
            echo "${options[$data]} seed=$seed hydra.run.dir=$out/$data/$seed"
        fi
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'
python scripts/sequence_figures.py $out
