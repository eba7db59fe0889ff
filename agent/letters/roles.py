"""Marks by which language models tell who speaks: in a mail they are an attempt to speak as somebody else.

Owns: taking them out of a text.
Does not know: any model in particular; the marks of all common families go.
"""

from __future__ import annotations

import re

_MARK = re.compile(
    r"<\|[\w .:/-]{1,60}\|>"  # ChatML, Llama 3, Qwen, Phi, GPT
    r"|<\uff5c[^\uff5c<>\n]{1,60}\uff5c>"  # DeepSeek
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK|IMG)\]"  # Mistral
    r"|<</?SYS>>"  # Llama 2
    r"|</?(?:s|bos|eos|unk|pad|start_of_turn|end_of_turn|start_of_image|end_of_image|think|thinking|tool_call|tool_response|tool_calls"
    r"|tools|function_calls?|function_results?|reserved_special_token_\d{1,4}|unused\d{1,4}|extra_id_\d{1,4})>",  # Gemma, Qwen, T5
    re.IGNORECASE,
)
_MOST_LAYERS = 10  # of marks within marks


def without_marks(text: str) -> str:
    """The text without such marks, also where taking one out would make another."""
    for _ in range(_MOST_LAYERS):
        text, count = _MARK.subn("", text)
        if not count:
            return text
    return _MARK.sub(" ", text)
