#!/usr/bin/env bash
# Trains experiment=art with three seeds on avatars and Nouns, and what it is compared with: regression, no conditions,
# and other networks, most of them for four minutes of CPU time. If GAN_DATA_DIR has artworks, trains experiment=few_shot on them, with
# and without augmentation. Two runs at a time with one thread each. Writes the tables and pictures of docs/how-to/art.md.
# Takes two hours on 2 idle cores; skips finished runs when run again. Nouns are downloaded if they are missing.
#   scripts/art.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/art page=docs/how-to/art.md
metrics="recognized valid values_found worst_attribute attribute_kl pair_kl unseen copy_rate fcd precision recall"

runs() {
    for data in avatars nouns; do
        cat <<END
$data/art/1                      data=$data experiment=art seed=1
$data/art/2                      data=$data experiment=art seed=2
$data/art/3                      data=$data experiment=art seed=3
END
    done
    for data in avatars nouns; do
        cat <<END
$data/regression/1               data=$data experiment=art model=regression
$data/style_dcgan/1              data=$data sweep=art model=style_dcgan conditional=true
$data/stylegan/1                 data=$data sweep=art model=stylegan conditional=true
$data/mlp_bn/1                   data=$data sweep=art model=mlp_bn conditional=true
$data/dcgan/1                    data=$data sweep=art model=dcgan conditional=true
$data/resnet/1                   data=$data sweep=art model=resnet conditional=true
END
    done
    echo "avatars/mlp_bn_long/1            experiment=art model=mlp_bn max_iterations=14000 model.learning_rate_schedule.iterations=14000"
    echo "avatars/art_unconditional/1      experiment=art conditional=false"
    if [ -e "${GAN_DATA_DIR:-data}/artworks" ]; then
        cat <<END
artworks/augmented/1             experiment=few_shot
artworks/not_augmented/1         experiment=few_shot ~wrappers.diffaugment
END
    fi
}

runs | while read -r folder overrides; do
    if ! grep -qs '"status": "finished"' "$out/$folder/manifest.json"; then
        rm -rf "${out:?}/$folder"
        echo "name=$(basename "$(dirname "$folder")") $overrides hydra.run.dir=$out/$folder"
    fi
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} > /dev/null'

for data in avatars nouns; do
    python scripts/evaluate.py checkpoint=$out/$data/art/1  # adds rows of baselines and real data to the table
    python scripts/compare.py $out/$data/*/* --page $page --part $data --metrics $metrics
done
python scripts/art_figures.py $out
