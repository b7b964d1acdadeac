"""Losses against formulas written out pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from deraincli.models.balnet.targets import attention_targets
from deraincli.training.losses import (
    ONE_CLASS_WEIGHT,
    OWN_CLASS_WEIGHT,
    SMOOTH_BELOW,
    attention_loss,
    frequency_loss,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
    perceptual_loss,
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


def test_cross_entropy_is_the_weighted_mean_of_the_logarithms() -> None:
    """−t·log(e) − (1 − t)·log(1 − e) of every pixel, those of the map's own class counting more."""
    torch.manual_seed(1)
    estimate = torch.rand(3, 1, 5, 5).mul(0.98).add(0.01)
    target = (torch.rand(3, 1, 5, 5) > 0.7).float()
    costs = []
    for e, t in zip(estimate.flatten().tolist(), target.flatten().tolist(), strict=True):
        costs.append(-OWN_CLASS_WEIGHT * math.log(e) if t == 1 else -math.log(1 - e))
    got = attention_loss(estimate, target, "cross_entropy").item()
    assert got == pytest.approx(sum(costs) / len(costs), rel=1e-5)


def test_cross_entropy_survives_maps_that_are_quite_wrong() -> None:
    estimate = torch.tensor([[[[0.0, 1.0]]]], requires_grad=True)
    loss = attention_loss(estimate, torch.tensor([[[[1.0, 0.0]]]]), "cross_entropy")
    loss.backward()
    assert loss.isfinite()
    assert estimate.grad is not None
    assert estimate.grad.isfinite().all()


def test_unsure_maps_settle_where_a_third_is_likely_to_be_rain() -> None:
    """The cross-entropy of one value for all pixels is least at 0.5 if a third of them are of its class."""
    target = (torch.arange(300) % 3 == 0).float().view(1, 1, 15, 20)
    values = torch.linspace(0.05, 0.95, 91)
    costs = [attention_loss(torch.full_like(target, v), target, "cross_entropy").item() for v in values]
    assert values[int(np.argmin(costs))].item() == pytest.approx(0.5)


def test_only_the_literal_loss_rewards_collapse() -> None:
    """With rain in the minority, L1 prefers RAM ≡ 0 to an honest but unsure map; balance does not."""
    target = torch.zeros(1, 1, 10, 10)
    target[..., :2] = 1
    collapsed = torch.zeros_like(target)
    unsure = torch.where(target > 0, 0.75, 0.25)
    assert attention_loss(collapsed, target, "literal") < attention_loss(unsure, target, "literal")
    for kind in ("balanced", "cross_entropy"):
        assert attention_loss(collapsed, target, kind) > attention_loss(unsure, target, kind)


@pytest.mark.parametrize("kind", ["literal", "balanced", "cross_entropy"])
def test_losses_are_means_over_images(kind: str) -> None:
    """So that a batch split over processes gives the same gradient as the batch in one."""
    torch.manual_seed(2)
    estimate, target = torch.rand(4, 1, 5, 5), (torch.rand(4, 1, 5, 5) > 0.5).float()
    whole = attention_loss(estimate, target, kind)
    halves = [attention_loss(estimate[i : i + 2], target[i : i + 2], kind) for i in (0, 2)]
    torch.testing.assert_close(whole, (halves[0] + halves[1]) / 2)


def test_the_frequency_loss_is_the_mean_magnitude_of_the_spectrum() -> None:
    """Known spectra: that of a pixel is flat. A wave has two peaks, one of them in the half spectrum."""
    height, width = 12, 16
    clean = torch.zeros(2, 3, height, width)
    pixel = clean.clone()
    pixel[:, :, 5, 7] = 0.6
    assert frequency_loss(pixel, clean).item() == pytest.approx(0.6 / math.sqrt(height * width))
    wave = torch.cos(2 * math.pi * 3 * torch.arange(width) / width).expand_as(clean)
    bins = height * (width // 2 + 1)
    assert frequency_loss(wave, clean).item() == pytest.approx(math.sqrt(height * width) / 2 / bins, rel=1e-4)
    assert frequency_loss(pixel, pixel).item() == 0


def test_the_perceptual_loss_is_the_squared_distance_over_c_w_h() -> None:
    torch.manual_seed(3)
    estimate, clean = torch.rand(2, 5, 4, 3), torch.rand(2, 5, 4, 3)
    distances = [np.linalg.norm((e - c).numpy().ravel()) ** 2 for e, c in zip(estimate, clean, strict=True)]
    expected = sum(distances) / (5 * 4 * 3) / 2
    assert perceptual_loss(estimate, clean).item() == pytest.approx(expected, rel=1e-5)


def test_adversarial_losses_are_least_squares() -> None:
    real, fake = torch.tensor([[[[0.5, 2.0]]]]), torch.tensor([[[[0.25, -1.0]]]])
    assert lsgan_generator_loss(fake).item() == pytest.approx(((0.25 - 1) ** 2 + (-1 - 1) ** 2) / 2)
    on_real, on_fake = ((0.5 - 1) ** 2 + (2 - 1) ** 2) / 2, (0.25**2 + 1) / 2
    assert lsgan_discriminator_loss(real, fake).item() == pytest.approx((on_real + on_fake) / 2)
    assert lsgan_generator_loss(torch.ones(1, 1, 3, 3)).item() == 0
    assert lsgan_discriminator_loss(torch.ones(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)).item() == 0
