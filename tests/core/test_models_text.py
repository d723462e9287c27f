"""The shipped text encoder: real weights, in its child."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.config import Settings, folders_under
from core.errors import ModelError
from core.models.catalogue import Catalogue, shipped_catalogue
from core.models.host import EncoderHost
from core.models.installed import FileRecord, InstalledModel, manifest_of
from core.models.text import SentenceEncoder
from tests.core.model_bundles import minilm_folder

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EncoderHost]:
    host = EncoderHost(Settings(folders_under(tmp_path_factory.mktemp("home"))))
    yield host
    host.close()


def test_the_space_names_the_official_weights(host: EncoderHost) -> None:
    space = host.text_space()
    assert space is not None
    assert (space.model, space.weights_id, space.dim) == ("all-MiniLM-L6-v2", SHA256, 384)


def test_passages_are_found_by_meaning(host: EncoderHost) -> None:
    passages = [
        "The puppy ran along the shore all morning and barked at the waves.",
        "Tax return for the second quarter, with invoices attached.",
        "Whisk the eggs, fold in the flour and bake for forty minutes.",
        "The parliament voted on the budget late at night.",
    ]
    queries = ["a dog at the beach", "how to make a cake", "accounting documents", "politics"]
    vectors = host.encode_passages(passages)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    best = np.argmax(host.encode_queries(queries) @ vectors.T, axis=1)
    assert best.tolist() == [0, 2, 1, 3]


def test_a_batch_gives_the_vectors_of_single_calls(host: EncoderHost) -> None:
    texts = ["a", "a much longer text about sailing boats in the harbour of a small town", "", "boats " * 400]
    together = host.encode_passages(texts)
    alone = np.concatenate([host.encode_passages([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)


def test_the_child_is_offline_and_out_of_the_way(host: EncoderHost) -> None:
    host.encode_queries(["a"])
    assert host.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, host.pid) > os.getpriority(os.PRIO_PROCESS, 0)


def test_weights_with_another_digest_are_refused(tmp_path: Path) -> None:
    entry = shipped_catalogue().get("all-MiniLM-L6-v2")
    altered = Catalogue((replace(entry, sha256="0" * 64),))
    host = EncoderHost(Settings(folders_under(tmp_path)), catalogue=altered)
    try:
        with pytest.raises(ModelError, match="sha256 differs") as caught:
            host.encode_queries(["a"])
        assert caught.value.path == str(minilm_folder() / "model.safetensors")
    finally:
        host.close()


def test_queries_and_passages_get_their_own_prefix() -> None:
    """MiniLM with E5's prefixes: what is prefixed shows in the vectors."""
    entry = shipped_catalogue().get("all-MiniLM-L6-v2")
    files = (FileRecord(entry.weights, 0, 0, SHA256),)

    def encoder(query_prefix: str, passage_prefix: str) -> SentenceEncoder:
        prefixed = replace(entry, query_prefix=query_prefix, passage_prefix=passage_prefix)
        return SentenceEncoder(InstalledModel(minilm_folder(), manifest_of(prefixed, files), SHA256, packaged=True))

    plain, e5 = encoder("", ""), encoder("query: ", "passage: ")
    assert np.allclose(e5.encode_queries(["boats"]), plain.encode_queries(["query: boats"]), atol=1e-6)
    assert np.allclose(e5.encode_passages(["boats"]), plain.encode_passages(["passage: boats"]), atol=1e-6)


def test_a_process_that_is_ended_while_it_encodes_leaves_nothing_behind() -> None:
    """A semaphore left behind is told by multiprocessing's tracker, on the terminal."""
    program = (
        "import multiprocessing, os, sys\n"
        "from pathlib import Path\n"
        "from core.models.text import load_sentence_transformer\n"
        "multiprocessing.set_start_method('spawn')\n"  # as in every child
        "load_sentence_transformer(Path(sys.argv[1])).encode(['a'], show_progress_bar=False)\n"
        "os._exit(7)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, minilm_folder()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "leaked" not in done.stderr
