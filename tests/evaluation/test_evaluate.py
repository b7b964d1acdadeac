"""What is scored, that it is scored once, and that nothing is lost or silently left out."""

import math
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from paired import rain_on, scene, write_picture, write_set

from deraincli.datasets.pairs import find_pairs, read_pair
from deraincli.errors import DeviceError, InputError, OutputError
from deraincli.evaluation.evaluate import AgainstTruth, Failed, Scored, evaluate
from deraincli.evaluation.methods import ModelMethod, PrecomputedResults, RainyInput
from deraincli.evaluation.metrics import PROTOCOLS, score
from deraincli.evaluation.workspace import Workspace
from deraincli.files.journal import Journal
from deraincli.geometry import Size
from deraincli.inference.tiled import Restored

EVERY_PROTOCOL = list(PROTOCOLS.values())
MAX_PIXELS = 10_000


class Median:
    """A classical restorer: the median of each 3×3 neighbourhood. Remembers pictures and threads."""

    device, precision = "cpu", "uint8"

    def __init__(self) -> None:
        self.given: list[np.ndarray] = []
        self.threads: set[int] = set()

    def restore(self, pixels, *, on_warning=None):
        self.given.append(pixels)
        self.threads.add(threading.get_ident())
        return Restored(cv2.medianBlur(pixels, 3).reshape(pixels.shape), None, None, Size(*pixels.shape[:2]))


@pytest.fixture
def pairs(tmp_path):
    return find_pairs(write_set(tmp_path / "set")).pairs


def run(pairs, methods, protocols=EVERY_PROTOCOL, **options):
    return list(evaluate(pairs, methods, AgainstTruth(protocols, max_pixels=MAX_PIXELS), **options))


def test_scores_are_those_of_each_picture_in_order(pairs):
    outcomes = run(pairs, [RainyInput(), ModelMethod("median", Median(), "median")])

    assert [outcome.pair for outcome in outcomes] == list(pairs)
    for outcome in outcomes:
        rainy, clean = read_pair(outcome.pair, max_pixels=MAX_PIXELS)
        for protocol in EVERY_PROTOCOL:
            assert outcome.scores["rainy input"][protocol.name] == score(rainy, clean, protocol)
            median = cv2.medianBlur(rainy, 3)
            assert outcome.scores["median"][protocol.name] == score(median, clean, protocol)


def test_a_model_runs_in_one_thread_and_tells_how(pairs):
    restorer = Median()
    model = ModelMethod("median", restorer, "median")
    run(pairs * 5, [model])
    assert len(restorer.given) == 20
    assert len(restorer.threads) == 1
    assert model.seconds > 0
    assert model.facts == {"device": "cpu", "precision": "uint8", "tile": "whole"}


@pytest.mark.parametrize("suffix", ["", ".derained", "_derained", "_x"])
def test_saved_results_score_like_the_model_under_any_usual_name(pairs, tmp_path, suffix):
    folder = tmp_path / "results"
    folder.mkdir()
    by_model = run(pairs, [ModelMethod("it", Median(), "median", folder=folder)])
    for file in list(folder.iterdir()):
        file.rename(file.with_name(f"{file.stem}{suffix}.png"))
    by_files = run(pairs, [PrecomputedResults("it", folder, pairs, max_pixels=MAX_PIXELS)])
    assert by_files == by_model


def test_ground_truth_as_results_is_perfect(pairs):
    results = PrecomputedResults("truth", pairs[0].clean.parent, pairs, max_pixels=MAX_PIXELS)
    for outcome in run(pairs, [results]):
        for protocol in EVERY_PROTOCOL:
            assert outcome.scores["truth"][protocol.name] == (math.inf, pytest.approx(1.0))


def test_results_of_another_picture_are_never_matched_by_position(pairs, tmp_path):
    folder = tmp_path / "results"
    for pair in pairs[1:]:
        shutil.copy(pair.clean, write_picture(folder / f"{pair.name}.png", scene(0)))
    first, *others = run(
        pairs, [RainyInput(), PrecomputedResults("partial", folder, pairs, max_pixels=MAX_PIXELS)]
    )
    assert isinstance(first, Failed)
    assert "no result for '1'" in first.reason
    assert all(outcome.scores["partial"]["rgb"].psnr == math.inf for outcome in others)


def test_unusable_results_folders_are_refused(pairs, tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        PrecomputedResults("r", tmp_path / "missing", pairs, max_pixels=MAX_PIXELS)
    write_picture(tmp_path / "other" / "unrelated.png", scene(0))
    with pytest.raises(InputError, match="has the name of a rainy one"):
        PrecomputedResults("r", tmp_path / "other", pairs, max_pixels=MAX_PIXELS)
    for name in ("1.png", "1_derained.png"):
        write_picture(tmp_path / "twice" / name, scene(0))
    with pytest.raises(InputError, match=r"Both .* match '1'"):
        PrecomputedResults("r", tmp_path / "twice", pairs, max_pixels=MAX_PIXELS)


def test_bad_pictures_fail_by_name_and_the_rest_is_scored(tmp_path):
    folder = write_set(tmp_path / "set", count=5)
    whole = (folder / "input" / "2.png").read_bytes()
    (folder / "input" / "2.png").write_bytes(whole[: len(whole) // 2])
    write_picture(folder / "input" / "3.png", scene(3, height=40))
    for side in ("input", "target"):
        write_picture(folder / side / "4.png", scene(4, height=10))
    restorer = Median()

    outcomes = run(find_pairs(folder).pairs, [RainyInput(), ModelMethod("median", restorer, "median")])

    reasons = {outcome.pair.name: outcome.reason for outcome in outcomes if isinstance(outcome, Failed)}
    assert set(reasons) == {"2", "3", "4"}
    assert "2.png" in reasons["2"]
    assert "64×40" in reasons["3"] and "64×48" in reasons["3"]
    assert "64×10 is smaller than the SSIM window" in reasons["4"]
    assert [outcome.pair.name for outcome in outcomes if isinstance(outcome, Scored)] == ["1", "5"]
    assert len(restorer.given) == 2  # the network's time is not spent on pairs that cannot be scored


def test_results_of_another_size_fail(pairs, tmp_path):
    for pair in pairs:
        write_picture(tmp_path / "results" / f"{pair.name}.png", scene(0, height=47))
    outcomes = run(pairs, [PrecomputedResults("r", tmp_path / "results", pairs, max_pixels=MAX_PIXELS)])
    assert all("64×47 but its ground truth 64×48" in outcome.reason for outcome in outcomes)


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint16, 3), (np.uint16, 1), (np.uint8, 1)])
def test_deep_and_grey_pairs_keep_their_kind(tmp_path, dtype, channels):
    clean = scene(1)[..., :channels].astype(dtype) * (257 if dtype is np.uint16 else 1)
    write_picture(tmp_path / "target" / "1.png", clean)
    write_picture(tmp_path / "input" / "1.png", clean // 2)
    restorer = Median()
    (tmp_path / "results").mkdir()
    (outcome,) = run(
        find_pairs(tmp_path).pairs, [ModelMethod("m", restorer, "m", folder=tmp_path / "results")]
    )
    np.testing.assert_array_equal(restorer.given[0], clean // 2)
    saved = cv2.imread(str(tmp_path / "results" / "1.png"), cv2.IMREAD_UNCHANGED)
    assert saved.dtype == dtype
    for protocol in EVERY_PROTOCOL:
        expected = score(cv2.medianBlur(clean // 2, 3).reshape(clean.shape), clean, protocol)
        assert outcome.scores["m"][protocol.name] == expected


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace in a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Workspace("key", save=None, for_report=False, overwrite=False)


def test_what_a_model_says_names_the_picture(pairs):
    class Talker(Median):
        def restore(self, pixels, *, on_warning=None):
            on_warning("This is a median.")
            return super().restore(pixels, on_warning=on_warning)

    said = []
    run(pairs, [ModelMethod("median", Talker(), "median", on_warning=said.append)])
    # Threads decode the pictures, so the model may see them in another order than the set's.
    assert sorted(said) == [f"{pair.name}: This is a median." for pair in pairs]


def reopened(workspace):
    """The workspace as the next process finds it."""
    workspace.release()
    return Workspace("key", save=None, for_report=False, overwrite=False)


def test_an_interrupted_evaluation_goes_on_where_it_stopped(pairs, tmp_path, workspace):
    class InterruptedAtThird(Median):
        def restore(self, pixels, *, on_warning=None):
            if len(self.given) == 2:
                raise KeyboardInterrupt
            return super().restore(pixels, on_warning=on_warning)

    def methods(restorer):
        return [RainyInput(), ModelMethod("median", restorer, "median", folder=tmp_path)]

    expected = run(pairs, methods(Median()))
    with pytest.raises(KeyboardInterrupt):
        run(pairs, methods(InterruptedAtThird()), workspace=workspace)
    again = Median()

    outcomes = run(pairs, methods(again), workspace=reopened(workspace))

    assert outcomes == expected
    assert len(again.given) == 2


@pytest.mark.parametrize("changed", ["model", "protocol", "picture"])
def test_what_changed_is_computed_again(pairs, workspace, changed):
    run(pairs, [ModelMethod("median", Median(), "v1")], [PROTOCOLS["rgb"]], workspace=workspace)
    if changed == "picture":
        write_picture(pairs[0].rainy, rain_on(scene(1), seed=99))
    again = Median()
    identity = "v2" if changed == "model" else "v1"
    protocols = [PROTOCOLS["agan" if changed == "protocol" else "rgb"]]
    run(pairs, [ModelMethod("median", again, identity)], protocols, workspace=reopened(workspace))
    assert len(again.given) == (1 if changed == "picture" else 4)


def test_a_line_cut_off_by_a_kill_costs_only_itself(tmp_path):
    path = tmp_path / "journal"
    first = Journal(path)
    first.record("a", {"psnr": math.inf})
    first.record("b", 2)
    path.write_bytes(path.read_bytes()[:-4])
    second = Journal(path)
    assert (second.get("a"), second.get("b")) == ({"psnr": math.inf}, None)
    second.record("b", 3)
    assert Journal(path).get("b") == 3


def test_a_device_that_gives_up_ends_the_evaluation(pairs):
    class Broken(Median):
        def restore(self, pixels, *, on_warning=None):
            raise DeviceError("Out of memory.")

    with pytest.raises(DeviceError):
        run(pairs, [ModelMethod("broken", Broken(), "broken")])


def test_a_workspace_keeps_foreign_files_and_cleans_up_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save = tmp_path / "save"
    space = Workspace("key", save=save, for_report=True, overwrite=False)
    assert space.folder_for("a/b", alone=False) == save / "a_b"
    assert space.folder_for("a/b", alone=True) == save
    space.record("x", 1)
    with pytest.raises(OutputError, match="running in another process"):
        Workspace("key", save=save, for_report=True, overwrite=False)
    other = Workspace("another key", save=None, for_report=True, overwrite=False)
    assert other.recorded("x") is None and other.pictures != space.pictures
    other.close()
    space.release()
    resumed = Workspace("key", save=save, for_report=True, overwrite=False)
    assert resumed.recorded("x") == 1
    resumed.close()
    assert not list(Path(tmp_path / "cache").rglob("*.jsonl"))
    assert (save / "a_b").is_dir()
    with pytest.raises(OutputError, match="not empty"):
        Workspace("key", save=save, for_report=False, overwrite=False)
    assert Workspace("key", save=save, for_report=False, overwrite=True).pictures == save


def test_every_model_has_a_folder_of_its_own_below_the_given_one(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    save = tmp_path / "save"
    space = Workspace("key", save=save, for_report=False, overwrite=False)
    names = ("a/b", "a_b", "A b", "..", ".", "../b")
    folders = [space.folder_for(name, alone=False) for name in names]
    assert len({str(folder).casefold() for folder in folders}) == len(names)
    assert sorted(save.iterdir()) == sorted(folders)
