#!/usr/bin/env bash
# Trains experiment=best_mlp, and variants that differ from it in one setting, for two minutes of CPU time each, two runs
# at a time. Writes the table into docs/benchmarks.md. Takes about 20 minutes on 2 cores; skips finished runs when run
# again.
#   scripts/variants.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export OMP_NUM_THREADS=1 PATH="$PWD/.venv/bin:$PATH"
out=outputs/recipes/variants

variants() {
    cat <<END
best_mlp
equal_rates            model.generator_optimizer.lr=2.5e-4
batch_64               data.batch_size=64
batch_128              data.batch_size=128
batch_512              data.batch_size=512
latent_16              model.generator.latent_dim=16
constant_rate          model.learning_rate_schedule=null
beta1_0.5              model.generator_optimizer.betas=[0.5,0.99] model.discriminator_optimizer.betas=[0.5,0.99]
beta2_0.999            model.generator_optimizer.betas=[0.0,0.999] model.discriminator_optimizer.betas=[0.0,0.999]
no_batch_norm          model=mlp
wide_generator         model.generator.hidden_dims=[512,1024,2048]
wide_discriminator     model.discriminator.hidden_dims=[2048,1024,512]
narrow_discriminator   model.discriminator.hidden_dims=[512,256,128]
translation            wrapper=diffaugment wrappers.diffaugment.policy=[translation]
non_saturating         objective=non_saturating
r1                     regularizer=r1
dcgan                  model=dcgan
dcgan_64               model=dcgan data.batch_size=64 regularizer.weight=0.3
END
}

variants | while read -r name overrides; do
    if ! grep -qs '"status": "finished"' "$out/$name/manifest.json"; then
        rm -rf "${out:?}/$name"
        echo "name=$name $overrides hydra.run.dir=$out/$name"
    fi
done | xargs -P "${JOBS:-2}" -I{} sh -c \
    'python train.py experiment=best_mlp {} max_iterations=null max_cpu_minutes=2 > /dev/null'
python scripts/compare.py "$out"/* --page docs/benchmarks.md --part variants
