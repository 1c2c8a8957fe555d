"""Train a generative adversarial network.

    python train.py model=mlp trainer.max_epochs=100         the first article's GAN on MNIST
    python train.py experiment=quickstart                    a minute on digits that need no download
    python train.py -m model=mlp,mlp_small seed=1,2,3        a sweep, with a table at its end
    python train.py resume=outputs/mlp/2026-01-31_12-00-00   go on where that run stopped
    tensorboard --logdir outputs                             watch

The way of one batch:

    conf/train.yaml              composes data, model, objective, callbacks, logger, trainer
    gan_lightning/commands/train.py       builds them, fits, writes metrics.json and manifest.json
    gan_lightning/data/          (real, condition), gathered a batch at a time, normalized to [-1, 1]
    gan_lightning/algorithms/gan.py         one iteration: the discriminator's update, then the generator's
    gan_lightning/algorithms/objectives.py  logits to losses
    gan_lightning/algorithms/regularizers.py  penalties on the discriminator
    gan_lightning/callbacks/     scalars, sample grids, metrics, alarm, checkpoints
"""

from gan_lightning.commands.cli import train

if __name__ == "__main__":
    train()
