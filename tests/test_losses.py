"""Losses against formulas written out pixel by pixel."""

from __future__ import annotations

import pytest
import torch

from deraincli.losses import (
    ONE_CLASS_WEIGHT,
    SMOOTH_BELOW,
    attention_loss,
    attention_targets,
    reconstruction_loss,
)


def picture(grey: list[list[float]]) -> torch.Tensor:
    return torch.tensor(grey)[None, None].expand(1, 3, -1, -1)


def test_targets_threshold_the_grey_difference_at_its_mean() -> None:
    clean = picture([[0.1, 0.1], [0.1, 0.1]])
    rainy = picture([[0.1, 0.2], [0.1, 0.9]])  # differences 0, 0.1, 0, 0.8: mean 0.225
    ram, cam = attention_targets(rainy, clean)
    assert ram[0, 0].tolist() == [[0, 0], [0, 1]]
    assert cam[0, 0].tolist() == [[1, 1], [1, 0]]


def test_targets_are_set_by_each_picture_alone() -> None:
    torch.manual_seed(0)
    rainy, clean = torch.rand(3, 3, 8, 8), torch.rand(3, 3, 8, 8)
    rainy[1] = clean[1]
    together = attention_targets(rainy, clean)
    for index in range(3):
        alone = attention_targets(rainy[index : index + 1], clean[index : index + 1])
        for whole, part in zip(together, alone, strict=True):
            torch.testing.assert_close(whole[index : index + 1], part)


def test_a_dry_picture_is_clean_everywhere() -> None:
    clean = torch.rand(1, 3, 4, 4)
    ram, cam = attention_targets(clean + 0.003, clean)
    assert not ram.any()
    assert cam.all()


def test_smooth_reconstruction_is_l1_but_quadratic_near_zero() -> None:
    clean = torch.zeros(1, 3, 1, 2)
    for error, expected in ((0.5, 0.5 - SMOOTH_BELOW / 2), (SMOOTH_BELOW / 2, SMOOTH_BELOW / 8)):
        assert reconstruction_loss(clean + error, clean, "smooth_l1").item() == pytest.approx(expected)
        assert reconstruction_loss(clean + error, clean, "l1").item() == pytest.approx(error)


def balanced_reference(estimate: torch.Tensor, target: torch.Tensor) -> float:
    """Slow and obvious: of every image the mean error of each class, averaged; one class counts little."""
    per_image = []
    for e, t in zip(estimate, target, strict=True):
        means = [(e[t == value] - value).abs().mean().item() for value in (0, 1) if (t == value).any()]
        per_image.append(sum(means) / 2 if len(means) == 2 else ONE_CLASS_WEIGHT * means[0])
    return sum(per_image) / len(per_image)


def test_balanced_loss_equals_its_definition() -> None:
    torch.manual_seed(1)
    estimate = torch.rand(4, 1, 6, 6)
    target = (torch.rand(4, 1, 6, 6) > 0.8).float()
    target[2] = 0  # a dry picture: one class only
    target[3] = 1
    got = attention_loss(estimate, target, "balanced").item()
    assert got == pytest.approx(balanced_reference(estimate, target), rel=1e-6)


def test_literal_loss_is_the_mean_absolute_error() -> None:
    estimate, target = torch.tensor([[[[0.25, 0.5]]]]), torch.tensor([[[[1.0, 0.0]]]])
    assert attention_loss(estimate, target, "literal").item() == pytest.approx((0.75 + 0.5) / 2)


def test_only_the_literal_loss_rewards_collapse() -> None:
    """With rain in the minority, L1 prefers RAM ≡ 0 to an honest but unsure map; balance does not."""
    target = torch.zeros(1, 1, 10, 10)
    target[..., :2] = 1
    collapsed = torch.zeros_like(target)
    unsure = torch.where(target > 0, 0.75, 0.25)
    assert attention_loss(collapsed, target, "literal") < attention_loss(unsure, target, "literal")
    assert attention_loss(collapsed, target, "balanced") > attention_loss(unsure, target, "balanced")


@pytest.mark.parametrize("kind", ["literal", "balanced"])
def test_losses_are_means_over_images(kind: str) -> None:
    """So that a batch split over processes gives the same gradient as the batch in one."""
    torch.manual_seed(2)
    estimate, target = torch.rand(4, 1, 5, 5), (torch.rand(4, 1, 5, 5) > 0.5).float()
    whole = attention_loss(estimate, target, kind)
    halves = [attention_loss(estimate[i : i + 2], target[i : i + 2], kind) for i in (0, 2)]
    torch.testing.assert_close(whole, (halves[0] + halves[1]) / 2)
