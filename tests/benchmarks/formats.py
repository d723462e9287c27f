"""Decoding one picture of every format: the plain way to the model's input alone, ours to everything that is kept."""

from __future__ import annotations

from functools import partial

from core.extract.registry import read
from tests.benchmarks import inputs, plain
from tests.benchmarks.harness import Bench, Report, best_ms, interleave

TITLE = "Reading one picture"
ABOUT = (
    "Core time for one picture of 12 million pixels. Plain: the whole picture is decoded and scaled to the model's "
    "input of 224 pixels. Ours: one decode gives the encoder's input, thumbnails of 512 and 256 pixels, the look-alike "
    "descriptor, the perceptual hash and the metadata."
)
MINUTES = 0.8


def run(bench: Bench) -> Report:
    import pi_heif

    pi_heif.register_heif_opener()
    report = Report(TITLE, ABOUT)
    preprocess = _preprocess()
    for name, path in inputs.formats(bench, bench.pick(1, 12)).items():
        bench.say(name)
        timed = partial(best_ms, least_s=bench.pick(0.01, 0.4))
        figures = interleave(
            {
                "plain": partial(timed, partial(plain.decode, path, preprocess)),
                "ours": partial(timed, partial(read, path)),
            },
            bench.rounds,
        )
        report.add(name, "ms a picture", figures["ours"], figures["plain"])
    report.remarks.append(
        "The RAW files are DNGs of an uncompressed Bayer mosaic; cameras' compressed ones take longer both ways."
    )
    return report


def _preprocess() -> object:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    return image_transform_v2(PreprocessCfg(size=224), is_train=False)
