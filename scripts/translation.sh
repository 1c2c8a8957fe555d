#!/usr/bin/env bash
# Trains experiment=emoji_matched and experiment=mnist_usps with three seeds, or those in SEEDS, and writes the tables and the
# image of docs/how-to/translate.md, with rows of simple translators. Two runs at a time with one thread each. Needs
# GAN_DATA_DIR with emoji, usps and MNIST; skips finished runs when run again.
#   scripts/translation.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs page=docs/how-to/translate.md

for seed in ${SEEDS:-1 2 3}; do
    for experiment in emoji_matched mnist_usps; do
        if ! grep -qs '"status": "finished"' "$out/$experiment/$seed/manifest.json"; then
            rm -rf "${out:?}/$experiment/$seed"
            echo "experiment=$experiment seed=$seed hydra.run.dir=$out/$experiment/$seed"
        fi
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'

for run in $out/emoji_matched/1 $out/mnist_usps/1; do
    python scripts/evaluate.py checkpoint=$run seeds=[0] > /dev/null # adds rows of baselines and real data to the table
done
python scripts/compare.py $out/emoji_matched/* --page $page --part emoji \
    --metrics psnr st_lpips frechet_ratio retrieval
python scripts/compare.py $out/mnist_usps/* --page $page --part digits \
    --metrics label_accuracy transfer_accuracy frechet_ratio two_sample_auc
python -c "
from PIL import Image
sheet = Image.open('$out/emoji_matched/1/evaluation/last/translations.png')
sheet.crop((0, 0, sheet.width, sheet.height // 2)).save('docs/translations.png')"
