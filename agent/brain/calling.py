"""Tools in plain text: how a model reads which there are and what they answered, and how its calls are read from its answer. Pure.

Owns: the form, which is the one that Qwen2.5 and the Hermes models were trained on.
Does not know: any model's template, nor OpenAI's JSON. What forces a model to keep to the form is the runtime's grammar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, dataclass, field, replace

from agent.brain import Tool, ToolCall, Turn, call_json
from agent.brain.call_json import BrokenError
from agent.brain.untagged import Untagged

CALL_BEGINS = "<tool_call>"
CALL_ENDS = "</tool_call>"
_MARKS = re.compile(r"<(?=/?(?:tools|tool_call|tool_response)>)")

_OFFER = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


def lowered(turns: Iterable[Turn], tools: Iterable[Tool], tool_choice: str = "auto") -> tuple[Turn, ...]:
    """The turns with tools, calls and results written out in their texts, for any template: only system, user and assistant are left.

    Args:
        turns: The turns of the chat.
        tools: The tools that the model may call.
        tool_choice: As the request has it; with `none` the tools are not shown.
    """
    turns, tools = tuple(turns), () if tool_choice == "none" else tuple(tools)
    if not tools and not any(turn.calls or turn.role == "tool" for turn in turns):
        return turns
    return _with_offer(tuple(_written(turns)), tools)


def _with_offer(turns: tuple[Turn, ...], tools: tuple[Tool, ...]) -> tuple[Turn, ...]:
    if not tools:
        return turns
    offer = _OFFER.format(tools="\n".join(_signature(tool) for tool in tools))
    if turns and turns[0].role == "system":
        return (replace(turns[0], text=f"{turns[0].text}\n\n{offer}"), *turns[1:])
    return (Turn(role="system", text=offer), *turns)


def _signature(tool: Tool) -> str:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return _unmarked(json.dumps({"type": "function", "function": function}, ensure_ascii=False))


def _written(turns: tuple[Turn, ...]) -> Iterator[Turn]:
    results: list[str] = []
    for turn in turns:
        if turn.role == "tool":
            results.append(f"<tool_response>\n{_unmarked(turn.text)}\n</tool_response>")
            continue
        if results:
            yield Turn(role="user", text="\n".join(results))
            results = []
        if turn.role == "assistant":
            said = [turn.text] if turn.text else []
            yield Turn(role="assistant", text="\n".join([*said, *map(_call, turn.calls)]))
        else:
            yield replace(turn, text=_unmarked(turn.text))
    if results:
        yield Turn(role="user", text="\n".join(results))


def _call(call: ToolCall) -> str:
    name = json.dumps(call.name, ensure_ascii=False)
    return f'{CALL_BEGINS}\n{{"name": {name}, "arguments": {call.arguments}}}\n{CALL_ENDS}'


def _unmarked(text: str) -> str:
    """The text with our marks broken up, so that nobody can forge a tool's answer, or end one early, from inside a text."""
    return _MARKS.sub("< ", text)


@dataclass
class CallReader:
    """Parts the text of a growing answer, which may come in any pieces, into what is shown and the calls.

    What looks like a call and is none, because the answer ends too early or it is not JSON, is shown as text: nothing is lost.
    """

    stem: str  # of the calls' ids
    names: InitVar[tuple[str, ...]] = ()  # of the tools, by which a call without marks is known
    most: InitVar[int] = 8  # calls without marks
    count: int = field(default=0, init=False)  # of calls found
    _held: str = field(default="", init=False)  # not shown yet
    _begun: int = field(
        default=0, init=False
    )  # where in it the call begins, behind its mark; 0: there is none
    _tried: int = field(default=0, init=False)  # up to where in it an end of the call was looked for
    _untagged: Untagged | None = field(default=None, init=False)

    def __post_init__(self, names: tuple[str, ...], most: int) -> None:
        """Looks for calls without marks only where it knows the tools."""
        self._untagged = Untagged(names, most) if names else None

    def push(self, text: str, *, last: bool = False) -> tuple[str, list[ToolCall]]:
        """What can be shown now, and the calls that are complete now.

        Args:
            text: The next piece.
            last: The answer ends with it.
        """
        shown, calls = [], list[ToolCall]()
        if self._untagged and not self._untagged.done:
            found, text = self._untagged.push(text, last=last)
            calls += map(self._made, found)
        self._held += text
        while True:
            more, call = self._in_call() if self._begun else self._in_text()
            if more is None:
                break
            shown.append(more)
            calls += [call] if call else []
        if last:
            rest, call = self._rest()
            shown.append(rest)
            calls += [call] if call else []
        return "".join(shown), calls

    def _in_text(self) -> tuple[str | None, ToolCall | None]:
        mark = self._held.find(CALL_BEGINS)
        # White space before a call belongs to the call.
        safe = len(self._held[: mark if mark >= 0 else len(self._held) - _beginning(self._held)].rstrip())
        shown, self._held = self._held[:safe], self._held[safe:]
        if mark >= 0:
            self._begun = self._tried = mark - safe + len(CALL_BEGINS)
            return shown, None
        return shown or None, None

    def _in_call(self) -> tuple[str | None, ToolCall | None]:
        while (end := self._held.find(CALL_ENDS, self._tried)) >= 0:
            self._tried = end + len(CALL_ENDS)
            call, hopeless = self._understood(self._held[self._begun : end])
            if call or hopeless:
                whole, self._held = self._held[: self._tried], self._held[self._tried :]
                self._begun = 0
                return "" if call else whole, call
        # A part of the mark may be there already.
        self._tried = max(self._tried, len(self._held) - len(CALL_ENDS) + 1)
        return None, None

    def _rest(self) -> tuple[str, ToolCall | None]:
        rest, begun = self._held, self._begun
        self._held, self._begun = "", 0
        call, _ = self._understood(rest[begun:]) if begun else (None, False)
        if call or (self.count and not rest.strip()):
            return "", call
        return rest, None

    def _understood(self, text: str) -> tuple[ToolCall | None, bool]:
        """The call, if the text is one; else whether it cannot become one any more."""
        try:
            return self._made(call_json.read(text)), True
        except BrokenError as broken:
            return None, not broken.in_string

    def _made(self, read: tuple[str, str]) -> ToolCall:
        self.count += 1
        return ToolCall(id=f"{self.stem}_{self.count}", name=read[0], arguments=read[1])


def _beginning(text: str) -> int:
    """How many characters at the end could be the beginning of a call's mark."""
    lengths = range(min(len(CALL_BEGINS) - 1, len(text)), 0, -1)
    return next((length for length in lengths if CALL_BEGINS.startswith(text[-length:])), 0)
