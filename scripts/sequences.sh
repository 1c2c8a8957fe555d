#!/usr/bin/env bash
# Trains models of text and music with three seeds, or those in SEEDS, and writes the tables of docs/how-to/text.md and
# docs/how-to/music.md and the images of temperatures. DATA chooses some of the tables. Two runs at a time with one thread
# each. Data are downloaded if they are missing; skips finished runs when run again.
#   scripts/sequences.sh
#   SEEDS=1 DATA="poems chorales" scripts/sequences.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/sequences

grammar="data=grammar data.batch_size=128 ema_decay=0.99 max_iterations=5000"
# quoted for xargs and for sh
cosine='\"model.learning_rate_schedule={_target_: gan_lightning.algorithms.schedules.Cosine, begin: 1, end: 0, iterations: 5000}\"'
declare -A options=(
    [grammar/text_gan]="experiment=text name=text_gan"
    [grammar/text_mle]="$grammar $cosine model=text_mle name=text_mle"
    [grammar/text_code_gan]="$grammar model=text_code_gan objective=relativistic regularizer=r1_r2 name=text_code_gan"
    [grammar/text_one_shot]="$grammar model=text_one_shot objective=relativistic regularizer=r1_r2 name=text_one_shot"
    [grammar/text_refiner]="$grammar model=text_refiner objective=relativistic regularizer=r1_r2 name=text_refiner"
    [captions]="experiment=captions data.split_seed=1 data.vocabulary=4800" # settings were chosen on seed 0
    [captions_texygen]="experiment=captions data=captions_texygen"
    [oracle]="experiment=captions data=oracle"
    [poems]="experiment=poems"
    [chorales]="experiment=chorales"
)
tables="${DATA:-grammar captions captions_texygen oracle poems chorales}"
for seed in ${SEEDS:-1 2 3}; do
    for run in "${!options[@]}"; do
        if [[ " $tables " == *" ${run%/*} "* ]] && ! grep -qs '"status": "finished"' "$out/$run/$seed/manifest.json"; then
            rm -rf "${out:?}/$run/$seed"
            echo "${options[$run]} seed=$seed hydra.run.dir=$out/$run/$seed"
        fi
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'
for table in $tables; do
    if [[ $table == grammar ]]; then
        python scripts/evaluate.py checkpoint=$out/grammar/text_gan/1 seeds=[0] > /dev/null # adds rows of baselines
        python scripts/compare.py $out/grammar/*/* --page docs/how-to/text.md --part grammar \
            --metrics valid held_out_found kl_to_uniform two_sample_auc self_bleu_4 copied
    else
        python scripts/sequence_figures.py $out/$table/*
    fi
    if [[ $table == chorales ]]; then
        python scripts/generate.py checkpoint=$out/chorales/1 n=16 output=docs/chorales.png
    fi
done
