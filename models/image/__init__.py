"""From the bytes of a picture to numbers: guarded decoding, the pretrained network, a small network of our own."""
