"""Work on whole images of any size: reading and writing photos, networks in tiles, neural style transfer."""
