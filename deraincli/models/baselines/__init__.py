"""The systems BAL-Net is compared with, one file each."""
