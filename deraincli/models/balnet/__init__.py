"""BAL-Net: two attention branches steering a multi-scale restorer. Knows no files, tiles or commands."""
