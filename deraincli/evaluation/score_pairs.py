"""Scores ways to restore images on pairs of rainy images and ground truth, one pair or a whole set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from deraincli.datasets.pairs import Pair, read_pair
from deraincli.evaluation.metrics import Protocol, Score, mean_score, score
from deraincli.pixels import Pixels

Restore = Callable[[Pixels], Pixels]
"""Takes a rainy image, H×W×C, uint8 or uint16. Returns the restored image, of the same H×W."""


def score_pair(
    pair: Pair, methods: Mapping[str, Restore], protocols: Sequence[Protocol], *, max_pixels: int
) -> dict[str, dict[str, Score]]:
    """Restores one pair's rainy image by every method and scores the results.

    Args:
        pair: The pair to read.
        methods: How to restore, by name.
        protocols: The protocols to score under.
        max_pixels: Larger images are refused.

    Returns:
        The scores as scores[method][protocol].

    Raises:
        InputError: The pair cannot be read, is smaller than a protocol's SSIM window, or a method has no
            result for it.
    """
    rainy, clean = read_pair(pair, max_pixels=max_pixels)
    for protocol in protocols:
        protocol.check_size(clean)  # here, so that the network does not run in vain
    restored = {name: restore(rainy) for name, restore in methods.items()}
    return {
        name: {protocol.name: score(pixels, clean, protocol) for protocol in protocols}
        for name, pixels in restored.items()
    }


def score_pairs(
    pairs: Sequence[Pair], methods: Mapping[str, Restore], protocols: Sequence[Protocol], *, max_pixels: int
) -> dict[str, dict[str, Score]]:
    """Computes mean scores over pairs.

    Args:
        pairs: At least one pair.
        methods: How to restore, by name.
        protocols: The protocols to score under.
        max_pixels: Larger images are refused.

    Returns:
        The mean scores as scores[method][protocol].

    Raises:
        InputError: A pair cannot be scored, as for `score_pair`.
    """
    scores = [score_pair(pair, methods, protocols, max_pixels=max_pixels) for pair in pairs]
    return {
        name: {
            protocol.name: mean_score(of_pair[name][protocol.name] for of_pair in scores)
            for protocol in protocols
        }
        for name in methods
    }
