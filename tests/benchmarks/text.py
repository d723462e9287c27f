"""Paragraphs to vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from core.models.host import EncoderHost
from core.models.installed import active_model
from core.types import ModelRole
from tests.benchmarks import backends, homes, inputs, machine, plain
from tests.benchmarks.harness import Bench, Report, at_least, interleave, seconds

TITLE = "Encoding texts"
ABOUT = (
    "all-MiniLM-L6-v2. Plain: `SentenceTransformer.encode` on batches of 32 in the order in which the texts come, "
    "torch float32. Ours: the encoder child with the back-end that `findling models prepare` keeps here, pipe included."
)
MINUTES = 1.5


def run(bench: Bench) -> Report:
    report = Report(TITLE, ABOUT)
    with bench.temporary("text") as home:
        settings = homes.settings_at(home, backends.models_fp32(bench))
        model = active_model(settings, ModelRole.TEXT)
        assert model is not None
        peer = plain.PlainTexts(model.folder, machine.cores())
        sources = {"documentation strings, 5 to 200 words": inputs.paragraphs(bench.pick(64, 1024, 8192))}
        abstracts = _abstracts(bench, bench.pick(32, 512, 1400))
        if abstracts:
            sources["abstracts of papers (Cranfield), cut at 200 words"] = abstracts
        kept = homes.prepare_text(bench, settings)
        report.remarks.append(f"back-end in use: {kept}")
        host = EncoderHost(settings)
        try:
            host.encode_passages(["warm"])
            peer.encode(["warm"])
            for name, texts in sources.items():
                sides: dict[str, Callable[[], object]] = {
                    "plain": partial(peer.encode, texts),
                    "ours": partial(host.encode_passages, texts),
                }
                figures = interleave(
                    {side: partial(_rate, len(texts), work) for side, work in sides.items()}, bench.rounds
                )
                report.add(
                    name, "texts/s", figures["ours"], figures["plain"], more_is_better=True,
                    wanted=at_least(3.0, "ratio"),
                )  # fmt: skip
        finally:
            host.close()
    return report


def _rate(count: int, work: Callable[[], object]) -> float:
    return count / seconds(work)


def _abstracts(bench: Bench, count: int) -> list[str]:
    """Real paragraphs of papers, where the corpora are there."""
    folder = bench.corpora / "cranfield"
    if not folder.is_dir():
        return []
    from tests.quality.cranfield import read_collection

    documents = read_collection(folder).documents
    return [" ".join(text.split()[:200]) for _, text in sorted(documents.items())][:count]
