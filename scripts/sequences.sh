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

grammar="data=grammar data.batch_size=128 ema_decay=0.99 max_iterations=5000"
declare -A options=(
    [tried/text_gan]="experiment=text name=text_gan"
    [tried/text_mle]="$grammar model=text_mle name=text_mle"
    [tried/text_code_gan]="$grammar model=text_code_gan objective=relativistic regularizer=r1_r2 name=text_code_gan"
    [tried/text_one_shot]="$grammar model=text_one_shot objective=relativistic regularizer=r1_r2 name=text_one_shot"
    [captions]="experiment=captions"
    [captions_texygen]="experiment=captions data=captions_texygen"
    [poems]="experiment=captions data=poems model.generator.drafter.period=20 model.generator.drafter.end=null"
    [oracle]="experiment=captions data=oracle"
    [cadences]="experiment=music"
    [chorales]="experiment=music data=chorales"
)
for seed in ${SEEDS:-1 2 3}; do
    for data in ${DATA:-tried/text_gan tried/text_mle tried/text_code_gan tried/text_one_shot captions captions_texygen poems oracle cadences chorales}; do
        if ! grep -qs '"status": "finished"' "$out/$data/$seed/manifest.json"; then
            rm -rf "${out:?}/$data/$seed"
            echo "${options[$data]} seed=$seed hydra.run.dir=$out/$data/$seed"
        fi
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'
python scripts/evaluate.py checkpoint=$out/tried/text_gan/1 seeds=[0] > /dev/null # adds rows of baselines to the table
python scripts/compare.py $out/tried/*/* --page docs/how-to/text.md --part grammar \
    --metrics valid held_out_found kl_to_uniform two_sample_auc self_bleu_4 copied
python scripts/sequence_figures.py $out
