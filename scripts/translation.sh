#!/usr/bin/env bash
# Trains experiment=emoji_matched with three seeds, or those in SEEDS, and writes the table and the image of
# docs/how-to/translate.md, with rows of simple translators. Two runs at a time with one thread each. Needs GAN_DATA_DIR
# with emoji; skips finished runs when run again.
#   scripts/translation.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/emoji_matched page=docs/how-to/translate.md

for seed in ${SEEDS:-1 2 3}; do
    if ! grep -qs '"status": "finished"' "$out/$seed/manifest.json"; then
        rm -rf "${out:?}/$seed"
        echo "seed=$seed hydra.run.dir=$out/$seed"
    fi
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py experiment=emoji_matched {} > /dev/null'

python scripts/evaluate.py checkpoint=$out/1 > /dev/null
python scripts/compare.py $out/* --page $page --part emoji --metrics psnr st_lpips frechet_ratio retrieval
python -c "
from PIL import Image
sheet = Image.open('$out/1/evaluation/last/translations.png')
sheet.crop((0, 0, sheet.width, sheet.height // 2)).save('docs/translations.png')"
