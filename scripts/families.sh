#!/usr/bin/env bash
# Trains each family of GANs on MNIST for two minutes of CPU time with three seeds, two runs at a time. Writes the table
# of docs/families.md, and docs/families.png. Takes about 50 minutes on 2 cores; skips finished runs when run again.
#   scripts/families.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/families

families() {
    cat <<END
mlp             model=mlp
mlp_small       experiment=article_small trainer.max_epochs=100
mlp_bn          model=mlp_bn
minimax         model=mlp_bn objective=minimax
least_squares   model=mlp_bn objective=least_squares
hinge           model=mlp_bn objective=hinge
wasserstein     model=mlp_bn objective=wasserstein regularizer=gradient_penalty
relativistic    model=mlp_bn objective=relativistic regularizer=r1_r2
dcgan           experiment=dcgan
dcgan_r3        experiment=dcgan objective=relativistic regularizer=r1_r2
resnet          experiment=r3gan
vae             model=vae
END
}

for seed in 1 2 3; do
    families | while read -r name overrides; do
        if ! grep -qs '"status": "finished"' "$out/$name/$seed/manifest.json"; then
            rm -rf "${out:?}/$name/$seed"
            echo "name=$name $overrides seed=$seed hydra.run.dir=$out/$name/$seed"
        fi
    done
done | xargs -P "${JOBS:-2}" -I{} sh -c 'python train.py {} max_cpu_minutes=2 > /dev/null'
python scripts/compare.py "$out"/*/* --page docs/families.md --sheet docs/families.png
