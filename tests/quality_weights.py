"""Small random weights for BRISQUE and CLIP-IQA in the files where piq looks for its own."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


def write_weights(home: Path, cache: Path) -> None:
    """Writes the weights of both measures.

    Args:
        home: The user's home folder, in which piq keeps CLIP-IQA.
        cache: XDG_CACHE_HOME, in which PyTorch keeps BRISQUE.
    """
    from piq.feature_extractors.clip import CLIP

    torch.manual_seed(0)
    brisque = cache / "torch" / "hub" / "checkpoints" / "brisque_svm_weights.pt"
    clip = home / ".cache" / "clip"
    for folder in (brisque.parent, clip):
        folder.mkdir(parents=True, exist_ok=True)
    torch.save((torch.randn(20, 1), torch.rand(20, 36) * 2 - 1), brisque)
    network = CLIP(
        embed_dim=16,
        image_resolution=32,
        vision_layers=(1, 1, 1, 1),
        vision_width=4,
        vision_patch_size=None,
        context_length=6,
        vocab_size=9,
        transformer_width=64,
        transformer_heads=1,
        transformer_layers=1,
    )
    torch.jit.save(torch.jit.script(_holder(network)), clip / "RN50.pt")
    torch.save(torch.tensor([[1, 3, 2, 0, 0, 0], [1, 4, 2, 0, 0, 0]]), clip / "clipiqa_tokens.pt")


def _holder(network: nn.Module) -> nn.Module:
    """Returns a module without code that has the parameters and buffers of a network under the same names."""
    holder = nn.Module()
    for name, parameter in network.named_parameters(recurse=False):
        holder.register_parameter(name, parameter)
    for name, buffer in network.named_buffers(recurse=False):
        holder.register_buffer(name, buffer)
    for name, child in network.named_children():
        holder.add_module(name, _holder(child))
    return holder
