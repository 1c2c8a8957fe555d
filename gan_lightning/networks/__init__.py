"""Architectures, one per file, most of them a ``Generator`` and a ``Discriminator``.

    Generator.forward(latent, condition=None) -> sample        latent (B, latent_dim), sample (B, *sample_shape)
    Discriminator.forward(sample, condition=None) -> logits    (B, K), K = 1 unless it rates several patches

Images are (B, C, H, W) in [-1, 1].
"""
