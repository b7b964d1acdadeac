"""The examples for other programs: an architecture for spandrel and a node for ComfyUI."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL.Image
import pytest
import spandrel
import torch

import deraincli
from deraincli.files.locations import weights_folder
from deraincli.model_zoo.catalogue import SHIPPED
from deraincli.models.checkpoint import load_model

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(path: str) -> ModuleType:
    """Imports a file of the examples."""
    spec = importlib.util.spec_from_file_location(Path(path).parent.name + "_example", EXAMPLES / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rainy_photo() -> np.ndarray:
    """H×W×3, whose sides are no multiples of what the networks need."""
    return np.array(PIL.Image.open(EXAMPLES / "rainy_chelsea.jpg").crop((0, 0, 75, 61)))


@pytest.mark.parametrize("name", SHIPPED)
def test_spandrel_loads_and_runs_a_shipped_model(name: str) -> None:
    arch = example("spandrel/balnet_arch.py")
    for _ in range(2):
        arch.install()
    path = weights_folder() / SHIPPED[name].file
    model = spandrel.ModelLoader(device="cpu").load_from_file(path)
    assert (model.architecture.id, model.scale, model.purpose) == ("BALNet", 1, "Restoration")
    rainy = torch.from_numpy(rainy_photo()).permute(2, 0, 1)[None] / 255
    clean = model(rainy)
    assert clean.shape == rainy.shape

    network = load_model(path)[0]
    height, width = rainy.shape[2:]
    multiple = network.size_multiple
    padded = torch.nn.functional.pad(rainy, (0, -width % multiple, 0, -height % multiple), "reflect")
    with torch.inference_mode():
        wanted = network(padded).image[..., :height, :width].clamp(0, 1)
    torch.testing.assert_close(clean, wanted)


def test_spandrel_still_refuses_other_weights() -> None:
    example("spandrel/balnet_arch.py").install()
    with pytest.raises(spandrel.UnsupportedModelError):
        spandrel.ModelLoader(device="cpu").load_from_state_dict({"weight": torch.zeros(3, 3)})


def test_the_comfyui_node_restores_a_batch() -> None:
    comfyui = example("comfyui/__init__.py")
    node = comfyui.NODE_CLASS_MAPPINGS["Derain"]()
    assert set(comfyui.NODE_DISPLAY_NAME_MAPPINGS) == set(comfyui.NODE_CLASS_MAPPINGS)
    kinds = node.INPUT_TYPES()["required"]
    photo = rainy_photo()
    batch = torch.from_numpy(np.stack([photo, photo[::-1].copy()])).float() / 255
    given = {"image": batch, "model": kinds["model"][1]["default"], "task": "streak"}
    assert given.keys() == kinds.keys()
    assert given["task"] in kinds["task"][0]
    (clean,) = getattr(node, node.FUNCTION)(**given)
    assert (clean.shape, clean.dtype) == (batch.shape, torch.float32)
    derainer = deraincli.load(given["model"], task="streak")
    for before, after in zip(batch, clean, strict=True):
        wanted = derainer((before.numpy() * 65535).round().astype(np.uint16))
        np.testing.assert_array_equal((after.numpy() * 65535).round(), wanted)
