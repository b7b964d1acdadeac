"""BAL-Net: two attention branches that steer a multi-scale restorer."""
