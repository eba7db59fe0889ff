"""The model's memory of what it read: many sequences side by side, one call a step, copies, cuts, and states as bytes.

Owns: the context of the library.
Does not know: which conversation a sequence is, nor what to compute next. One thread uses it, save for `interrupt`.
"""

from __future__ import annotations

import ctypes
import enum
from typing import Any

import llama_cpp
import numpy as np

from agent.brain import Options
from agent.brain.llama import library
from agent.brain.llama.batch import Batch
from agent.brain.llama.weights import Weights
from agent.errors import ModelError

_KINDS = {"f16": 1, "q8_0": 8}  # ggml's numbers


class Outcome(enum.Enum):
    """How a step ended."""

    DONE = 0
    NO_ROOM = 1  # for so many more tokens; nothing was changed
    INTERRUPTED = 2  # nothing of this step is kept


class Context:
    """Room for a number of tokens, which all sequences share."""

    def __init__(self, weights: Weights, options: Options) -> None:
        """Takes the memory.

        Raises:
            ModelError: There is not enough.
        """
        self._heard = library.listen()
        self._vocabulary = weights.size
        # The library asks this function at every node of its graph whether to break off. A Python function would take the
        # interpreter's lock a thousand times a step; strlen of an empty or non-empty C string is the same answer in C.
        self._flag = ctypes.create_string_buffer(2)
        self._ask = ctypes.cast(ctypes.CDLL(None).strlen, llama_cpp.ggml_abort_callback)
        self.pointer: Any = llama_cpp.llama_init_from_model(weights.pointer, self._parameters(options))
        if not self.pointer:
            raise ModelError(
                f"{weights.path.name} gets no memory for {options.cells or options.context} tokens: "
                f"{self._heard.why('there is not enough')}.",
                hint="Lower brain.context or choose a smaller model.",
            )
        self._memory: Any = llama_cpp.llama_get_memory(self.pointer)
        self.room = int(llama_cpp.llama_n_ctx(self.pointer))
        self.batch = int(
            llama_cpp.llama_n_batch(self.pointer)
        )  # tokens of a step; a small context makes it smaller
        # Some kinds of model keep one running state a sequence instead of something per token: it cannot be cut or shared in part.
        self.divisible = not (
            llama_cpp.llama_model_is_recurrent(weights.pointer)
            or llama_cpp.llama_model_is_hybrid(weights.pointer)
        )

    def close(self) -> None:
        """Gives the memory back."""
        if self.pointer:
            llama_cpp.llama_free(self.pointer)
            self.pointer = None

    @property
    def buffers(self) -> dict[str, int]:
        """The buffers that the library says it made, in bytes."""
        return dict(self._heard.buffers)

    def step(self, batch: Batch) -> Outcome:
        """Computes a step.

        Raises:
            ModelError: The library broke down over it.
        """
        code = llama_cpp.llama_decode(self.pointer, batch.native)
        if code in (0, 1, 2):
            return Outcome(code)
        raise ModelError(f"llama.cpp could not compute a step (code {code}).", retry_after=5)

    def interrupt(self) -> None:
        """Has the step that is being computed, or the next one, end at once. From any thread."""
        self._flag.value = b"!"

    def allow(self) -> None:
        """Takes an interruption back."""
        self._flag.value = b""

    def use_threads(self, count: int) -> None:
        """Computes with so many threads from the next step on."""
        llama_cpp.llama_set_n_threads(self.pointer, count, count)

    def logits(self, place: int) -> Any:
        """The model's opinion after a token of the last step: a numpy array over the vocabulary, valid until the next step."""
        found = llama_cpp.llama_get_logits_ith(self.pointer, place)
        return np.ctypeslib.as_array(found, shape=(self._vocabulary,))

    def cut(self, sequence: int, length: int) -> bool:
        """Forgets all of a sequence but its beginning; False if the model's kind of memory cannot, and forgot all of it."""
        if length and llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1):
            return True
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return length == 0

    def copy(self, source: int, target: int, length: int) -> None:
        """Lets a forgotten sequence begin as another one; the memory of it is shared, nothing is computed."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def state(self, sequence: int) -> bytearray:
        """All that was computed of a sequence."""
        size = llama_cpp.llama_state_seq_get_size(self.pointer, sequence)
        found = bytearray(size)
        data = (ctypes.c_uint8 * size).from_buffer(found)
        length = llama_cpp.llama_state_seq_get_data(self.pointer, data, size, sequence)
        del data  # it holds the array at its size
        del found[length:]
        return found

    def restore(self, sequence: int, state: bytearray) -> bool:
        """Brings back what `state` gave into a forgotten sequence; False if it does not fit in."""
        size = len(state)
        data = (ctypes.c_uint8 * size).from_buffer(state)
        if llama_cpp.llama_state_seq_set_data(self.pointer, data, size, sequence):
            return True
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        return False

    def _parameters(self, options: Options) -> Any:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = max(options.cells, options.context)
        parameters.n_batch = parameters.n_ubatch = options.batch
        parameters.n_seq_max = options.sequences
        parameters.n_outputs_max = (
            options.sequences
        )  # logits for every token of a batch would take hundreds of MB
        parameters.n_threads = parameters.n_threads_batch = options.threads
        parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        parameters.type_k = parameters.type_v = _KINDS[options.kv_type]
        parameters.kv_unified = True
        parameters.swa_full = (
            True  # else a sequence cannot be cut behind the window that such models look back on
        )
        parameters.offload_kqv = options.offload_kqv
        parameters.no_perf = True
        parameters.abort_callback = self._ask
        parameters.abort_callback_data = ctypes.cast(self._flag, ctypes.c_void_p)
        return parameters
