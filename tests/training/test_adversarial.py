"""The adversarial part: what discriminators see and learn, and that runs with them resume to the bit."""

from __future__ import annotations

import pytest
import torch

from deraincli.training.adversarial import discriminator_loss, generator_loss, new_adversary, random_corners
from deraincli.training.config import OptimiserConfig
from deraincli.training.discriminators import REGION, Discriminators, cut_regions, patch_gan
from deraincli.training.distributed import ProcessGroup


def test_a_patch_score_sees_70_pixels() -> None:
    """The receptive field of the 70×70 PatchGAN, measured by which input pixels move one score."""
    torch.manual_seed(0)
    network = patch_gan()
    for layer in network:
        if isinstance(layer, torch.nn.InstanceNorm2d):  # its mean and variance see everything
            layer.forward = lambda x: x
    picture = torch.rand(1, 3, 144, 144, requires_grad=True)
    scores = network(picture)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert picture.grad is not None
    seen = picture.grad.abs().sum((0, 1)).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [REGION, REGION]


def test_scores_depend_on_their_own_picture_alone() -> None:
    torch.manual_seed(0)
    network = Discriminators()
    pictures, corners = torch.rand(3, 3, 96, 96), random_corners(0, 0, range(3), 96)
    together = network(pictures, corners)
    alone = network(pictures[1:2], corners[1:2])
    for whole, part in zip(together, alone, strict=True):
        torch.testing.assert_close(whole[1:2], part)


def test_the_region_is_where_its_corner_says() -> None:
    pictures = torch.arange(2 * 3 * 96 * 100).float().reshape(2, 3, 96, 100)
    regions = cut_regions(pictures, torch.tensor([[0, 30], [26, 7]]))
    assert torch.equal(regions[0], pictures[0, :, 0:70, 30:100])
    assert torch.equal(regions[1], pictures[1, :, 26:96, 7:77])


def test_regions_are_random_but_set_by_seed_step_and_place() -> None:
    whole = random_corners(1, 5, range(400), 80)
    assert torch.equal(whole[100:300], random_corners(1, 5, range(100, 300), 80))
    assert set(whole.flatten().tolist()) == set(range(11))
    assert not torch.equal(whole, random_corners(1, 6, range(400), 80))
    assert not torch.equal(whole, random_corners(2, 5, range(400), 80))


def test_the_network_learns_from_scores_that_it_cannot_change() -> None:
    torch.manual_seed(0)
    adversary = new_adversary(OptimiserConfig(), ProcessGroup())
    output = torch.rand(2, 3, 96, 96, requires_grad=True)
    corners = random_corners(0, 0, range(2), 96)
    loss = generator_loss(adversary, output, corners)
    with torch.no_grad():
        whole, region = adversary.network(output, corners)
    expected = sum(((score.numpy() - 1) ** 2).mean() for score in (whole, region))
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert output.grad is not None
    assert output.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in adversary.network.parameters())


def test_discriminators_learn_to_tell_pictures_apart_without_touching_the_network() -> None:
    torch.manual_seed(0)
    adversary = new_adversary(OptimiserConfig(discriminator_rate=2e-4), ProcessGroup())
    clean = torch.rand(1, 3, 72, 72)
    output = torch.nn.functional.avg_pool2d(clean, 3, 1, 1).requires_grad_()  # too smooth to be true
    history: list[float] = []
    for step in range(8):
        corners = random_corners(0, step, range(1), 72)
        loss = discriminator_loss(adversary, output, clean, corners)
        adversary.optimiser.zero_grad()
        loss.backward()
        adversary.optimiser.step()
        history.append(loss.item())
    assert output.grad is None
    assert history[-1] < 0.6 * history[0], history
