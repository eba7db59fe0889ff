"""Sentence embedders as ONNX files, run by onnxruntime, with their `tokenizer.json` beside them.

Owns: tokens, the model's run, and the mean over the tokens as the text's vector.
Does not know: which model it is, nor what the vectors are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

SUFFIX = ".onnx"

_WINDOW = 256  # tokens; what these models were trained for, a longer text is read up to there
_BATCH = 8  # texts at a time: more do not compute faster on one core, and take more memory
_QUIET = 3  # onnxruntime's level "error"


class Embedder:
    """One model. Safe to use from several threads."""

    def __init__(self, model_file: Path) -> None:
        """Loads the model and its tokenizer."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the other cores belong to the brain
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it keeps what the longest batch took, and is no faster
        options.log_severity_level = _QUIET
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(model_file), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._output = self._session.get_outputs()[0].name
        self._tokenizer = Tokenizer.from_file(str(model_file.with_name("tokenizer.json")))
        self._tokenizer.enable_truncation(_WINDOW)
        self._tokenizer.no_padding()
        self.dimensions = int(self._session.get_outputs()[0].shape[-1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, each of length 1. Texts of like length run together, so that little is spent on padding."""
        return self._vectors(self._tokenizer.encode_batch(list(texts)))

    def embed_whole(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """A long text's vector is the mean of its windows', each weighing as much as it has tokens; and all tokens' count."""
        windows = [[first, *first.overflowing] for first in self._tokenizer.encode_batch(list(texts))]
        vectors = self._vectors([window for each in windows for window in each])
        whole = np.empty((len(windows), self.dimensions), dtype=np.float32)
        begin = 0
        for row, each in enumerate(windows):
            weights = np.array([len(window.ids) for window in each], dtype=np.float32)
            mean = weights @ vectors[begin : begin + len(each)]
            whole[row] = mean / np.linalg.norm(mean)
            begin += len(each)
        return whole, sum(len(window.ids) for each in windows for window in each)

    def _vectors(self, tokens: Sequence[Encoding]) -> NDArray[np.float32]:
        order = sorted(range(len(tokens)), key=lambda place: len(tokens[place].ids))
        vectors = np.empty((len(tokens), self.dimensions), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors[batch] = self._run([tokens[place] for place in batch])
        return vectors

    def _run(self, batch: Sequence[Encoding]) -> NDArray[np.float32]:
        width = max(len(tokens.ids) for tokens in batch)
        ids = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens.ids)] = tokens.ids
            mask[row, : len(tokens.ids)] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {name: given[name] for name in self._inputs}
        states: NDArray[np.float32] = self._session.run([self._output], feed)[0]
        weights = mask[:, :, None].astype(np.float32)
        mean = (states * weights).sum(axis=1) / weights.sum(axis=1)
        vectors: NDArray[np.float32] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors
