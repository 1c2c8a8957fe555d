#!/usr/bin/env bash
# Trains experiment=emoji, emoji_matched and mnist_usps with three seeds, and writes the tables and the image of
# docs/how-to/translate.md, with rows of simple translators. Two runs at a time with one thread each. Needs GAN_DATA_DIR
# with emoji, MNIST and usps; skips finished runs when run again.
#   scripts/translation.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/translation page=docs/how-to/translate.md

for experiment in emoji_matched mnist_usps emoji; do
    for seed in 1 2 3; do
        folder=$out/$experiment/$seed
        if ! grep -qs '"status": "finished"' "$folder/manifest.json"; then
            rm -rf "${folder:?}"
            echo "experiment=$experiment seed=$seed hydra.run.dir=$folder"
        fi
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'

for experiment in emoji_matched mnist_usps; do
    ls "$out/$experiment/1/evaluation"/*/metrics.json > /dev/null 2>&1 ||
        python scripts/evaluate.py checkpoint="$out/$experiment/1" > /dev/null
done
python scripts/compare.py $out/emoji/* $out/emoji_matched/* --page $page --part emoji \
    --metrics psnr st_lpips frechet_ratio retrieval
python scripts/compare.py $out/mnist_usps/* --page $page --part digits \
    --metrics label_accuracy transfer_accuracy frechet_ratio
cp $out/emoji_matched/1/evaluation/*/translations.png docs/translations.png
