"""Laws are checked however slow and busy the machine is today."""

import torch
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Networks of a few channels gain nothing from several threads, and lose much where cores are shared.
torch.set_num_threads(1)
