"""Means and formats of an evaluation's scores."""

import csv
import io
import json
import math
from pathlib import Path

import pytest

from deraincli.datasets.pairs import Pair
from deraincli.evaluation.evaluate import Failed, Scored
from deraincli.evaluation.metrics import Score
from deraincli.evaluation.results import COLUMNS, collect

INPUT = [Score(20.0, 0.5), Score(30.0, 0.7), Score(25.0, 0.6)]
MODEL = [Score(30.0, 0.9), Score(math.inf, 1.0), Score(26.0, 0.8)]


@pytest.fixture
def board():
    pairs = [Pair(name, Path(name), Path(name)) for name in ("a", "b", "c", "d")]
    scored = [
        Scored(pair, {"rainy input": {"rgb": rainy}, "net": {"rgb": restored}})
        for pair, rainy, restored in zip(pairs, INPUT, MODEL, strict=False)
    ]
    return collect("set", "0123456789abcdef", ["net"], ["rgb"], scored, [Failed(pairs[3], "It is damaged.")])


def test_equal_pictures_count_100_db_in_means_and_are_null_in_json(board):
    (record,) = board.objects()
    assert record["psnr"] == pytest.approx((30 + 100 + 26) / 3)
    assert record["ssim"] == pytest.approx(0.9)
    assert record["images"] == [
        {"name": "a", "psnr": 30.0, "ssim": 0.9},
        {"name": "b", "psnr": None, "ssim": 1.0},
        {"name": "c", "psnr": 26.0, "ssim": 0.8},
    ]
    json.dumps(record, allow_nan=False)


def test_json_has_the_documented_keys_and_names_failures(board):
    (record,) = board.objects()
    documented = "model protocol dataset fingerprint count psnr ssim input_psnr input_ssim images"
    assert set(documented.split()) <= record.keys()
    assert (record["model"], record["protocol"], record["dataset"]) == ("net", "rgb", "set")
    assert (record["count"], record["fingerprint"]) == (3, "0123456789abcdef")
    assert (record["input_psnr"], record["input_ssim"]) == (pytest.approx(25), pytest.approx(0.6))
    assert record["failed"] == [{"name": "d", "error": "It is damaged."}]


def test_rows_show_mean_deviation_and_minimum_with_the_protocol(board):
    rainy, net = (dict(zip(range(len(COLUMNS)), row, strict=True)) for row in board.rows())
    deviation = math.sqrt(((20 - 25) ** 2 + (30 - 25) ** 2 + 0) / 3)
    assert list(rainy.values())[:5] == ["rainy input", "rgb", "25.00", f"{deviation:.2f}", "20.00"]
    assert list(net.values())[5:] == ["0.9000", f"{math.sqrt(0.02 / 3):.4f}", "0.8000", "3"]


def test_worst_are_those_of_lowest_psnr(board):
    assert [image.name for image in board.models[0].worst(2)] == ["c", "a"]


def test_csv_and_markdown_name_protocol_and_fingerprint(board):
    rows = list(csv.DictReader(io.StringIO(board.csv())))
    assert len(rows) == 6
    assert {row["protocol"] for row in rows} == {"rgb"}
    assert {row["fingerprint"] for row in rows} == {"0123456789abcdef"}
    assert [float(row["psnr"]) for row in rows if row["model"] == "net"] == [30.0, math.inf, 26.0]
    text = board.markdown()
    assert "`0123456789abcdef`" in text
    assert all(len(line.split("|")) == len(COLUMNS) + 2 for line in text.splitlines()[2:])
