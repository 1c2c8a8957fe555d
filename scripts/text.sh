#!/usr/bin/env bash
# Trains models of text with three seeds, or those in SEEDS, and writes the tables and the image of docs/how-to/text.md. Two
# runs at a time with one thread each. Data are downloaded if they are missing; skips finished runs when run again.
#   scripts/text.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/text

grammar="data=grammar data.batch_size=128 ema_decay=0.99 max_iterations=5000"
declare -A options=(
    [grammar/text_gan]="experiment=text name=text_gan"
    [grammar/text_mle]="$grammar model=text_mle name=text_mle"
    [grammar/text_code_gan]="$grammar model=text_code_gan objective=relativistic regularizer=r1_r2 name=text_code_gan"
    [grammar/text_one_shot]="$grammar model=text_one_shot objective=relativistic regularizer=r1_r2 name=text_one_shot"
    [captions]="experiment=captions"
)
for seed in ${SEEDS:-1 2 3}; do
    for data in "${!options[@]}"; do
        if ! grep -qs '"status": "finished"' "$out/$data/$seed/manifest.json"; then
            rm -rf "${out:?}/$data/$seed"
            echo "${options[$data]} seed=$seed hydra.run.dir=$out/$data/$seed"
        fi
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'
python scripts/evaluate.py checkpoint=$out/grammar/text_gan/1 seeds=[0] > /dev/null # adds rows of baselines to the table
python scripts/compare.py $out/grammar/*/* --page docs/how-to/text.md --part grammar \
    --metrics valid held_out_found kl_to_uniform two_sample_auc self_bleu_4 copied
python scripts/text_figures.py $out/captions/*
