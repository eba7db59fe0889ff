"""What users of GPT4All's server and of GPT4ALL-Python-API rely on, by the names of their parameters.

Where theirs has a fault ours does better, and the test says so.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.conftest import CHAT_MODEL, COUNTING

pytestmark = pytest.mark.models

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


def complete(http: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = http.post(COMPLETIONS, json={"model": CHAT_MODEL, "prompt": COUNTING, "temperature": 0, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def text(http: httpx.Client, **more: Any) -> str:
    return str(complete(http, **more)["choices"][0]["text"])


def refused(http: httpx.Client, path: str = COMPLETIONS, **body: Any) -> dict[str, Any]:
    answer = http.post(path, json=body)
    assert answer.status_code == 400, answer.text
    error = dict(answer.json()["error"])
    assert error["type"] == "invalid_request_error"
    return error


# GPT4All's server


def test_the_shape_of_an_answer(http: httpx.Client) -> None:
    body = complete(http)
    assert body["object"] == "text_completion"
    assert body["model"] == CHAT_MODEL
    assert isinstance(body["created"], int)  # GPT4ALL-Python-API writes a broken number
    assert body["id"] != "placeholder"
    [choice] = body["choices"]
    assert (choice["index"], choice["logprobs"], choice["finish_reason"]) == (0, None, "length")
    usage = body["usage"]  # theirs counts words, or tells the limit as the count
    assert usage["completion_tokens"] == 16
    assert usage["total_tokens"] == usage["prompt_tokens"] + 16


def test_max_tokens_is_16_unless_given(http: httpx.Client) -> None:
    assert complete(http)["usage"]["completion_tokens"] == 16
    assert complete(http, max_tokens=3)["usage"]["completion_tokens"] == 3
    assert refused(http, prompt="x", max_tokens=0)["param"] == "max_tokens"


def test_the_bounds_of_temperature_top_p_and_min_p(http: httpx.Client) -> None:
    bounds: list[dict[str, Any]] = [
        {"temperature": 2.1},
        {"top_p": 1.1},
        {"min_p": 1.1},
        {"top_p": -0.1},
        {"min_p": "x"},
    ]
    for over in bounds:
        assert refused(http, COMPLETIONS, prompt="x", **over)["param"] == next(iter(over))
    assert text(http, temperature=2, top_p=1, min_p=0)


def test_min_p_1_leaves_only_the_likeliest(http: httpx.Client) -> None:
    assert text(http, temperature=2, min_p=1, top_k=0, top_p=1, seed=3) == text(http)


def test_n_and_best_of(http: httpx.Client) -> None:
    assert len(complete(http, n=2, best_of=2)["choices"]) == 2
    assert refused(http, prompt="x", n=1, best_of=2)["param"] == "best_of"


def test_echo_stands_before_the_answer(http: httpx.Client) -> None:
    assert text(http, echo=True) == COUNTING + text(http)


def test_what_gpt4all_refuses_and_we_support(http: httpx.Client) -> None:
    more: dict[str, Any] = {
        "stop": ["zzz"], "seed": 1, "frequency_penalty": 0.1, "presence_penalty": 0.1, "logit_bias": {}, "logprobs": 1,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert complete(http, **more)["choices"][0]["logprobs"]["tokens"]
    stream = http.post(COMPLETIONS, json={"prompt": COUNTING, "stream": True, **more}).text
    assert stream.endswith("data: [DONE]\n\n")


def test_what_is_validated_and_changes_nothing(http: httpx.Client) -> None:
    assert text(http, user="anna", service_tier="auto") == text(http)
    assert refused(http, prompt="x", user=3)["param"] == "user"


def test_an_unknown_argument_is_named(http: httpx.Client) -> None:
    assert refused(http, prompt="x", wings=2)["message"] == "Unrecognized request argument supplied: wings"


def test_an_unknown_model_is_not_silently_another(http: httpx.Client) -> None:
    # GPT4All answers with its default model; GPT4ALL-Python-API loads it, for everybody.
    answer = http.post(COMPLETIONS, json={"model": "gpt-9", "prompt": "x"})
    assert answer.status_code == 404
    assert answer.json()["error"]["param"] == "model"


def test_the_model_goes_by_its_files_name_too_or_by_none(http: httpx.Client) -> None:
    for name in ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1", "", None):
        assert complete(http, model=name, max_tokens=1)["model"] == CHAT_MODEL


def test_messages_have_roles_and_text(http: httpx.Client) -> None:
    for messages in (None, [], [{"role": "owl", "content": "x"}], [{"role": "user", "content": 3}], ["x"]):
        assert refused(http, CHAT, messages=messages)["param"].startswith("messages")


def test_a_whole_chat_is_answered_and_not_cut_after_16_tokens(http: httpx.Client) -> None:
    long = http.post(
        CHAT, json={"messages": [{"role": "user", "content": "Count from 1 to 30."}], "temperature": 0}
    )
    assert long.json()["usage"]["completion_tokens"] > 16


def test_a_wrong_method_is_405_in_the_form_of_an_error(http: httpx.Client) -> None:
    for path in (CHAT, COMPLETIONS):
        answer = http.get(path)
        assert answer.status_code == 405
        assert answer.json()["error"]["message"] == "Only POST requests are accepted."
        assert answer.json()["error"]["code"] == "method_not_supported"
    answer = http.post("/v1/models", json={})
    assert answer.status_code == 405
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_no_web_page_may_call_it(http: httpx.Client) -> None:
    # GPT4All's server allows every origin.
    answer = http.post(COMPLETIONS, json={"prompt": "x"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_models_are_listed_in_openais_form(http: httpx.Client) -> None:
    body = http.get("/v1/models").json()
    assert body["object"] == "list"
    assert CHAT_MODEL in {row["id"] for row in body["data"]}
    assert all(row["object"] == "model" for row in body["data"])
    assert http.get(f"/v1/models/{CHAT_MODEL}").json()["id"] == CHAT_MODEL
    assert http.get("/v1/models/gpt-9").status_code == 404  # theirs: an empty object


# GPT4ALL-Python-API


def test_an_empty_prompt_is_a_bad_request(http: httpx.Client) -> None:
    # Theirs says so with the status of success.
    assert refused(http, model=CHAT_MODEL, prompt="")["param"] == "prompt"
    assert refused(http, model=CHAT_MODEL)["param"] == "prompt"


def test_top_k_1_leaves_only_the_likeliest(http: httpx.Client) -> None:
    assert text(http, temperature=2, top_k=1, seed=5) == text(http)


def test_repeat_penality_as_they_spell_it_and_how_far_it_looks_back(http: httpx.Client) -> None:
    # The biases leave the tokens 7, 8 and 9, so far apart that no rounding chooses.
    digits = {"39": 100, "40": 85, "41": 70}
    again: dict[str, Any] = {"prompt": "7 " * 30, "max_tokens": 12, "logit_bias": digits}
    plain = text(http, **again)
    assert text(http, repeat_penality=2, repeat_last_n=64, **again) != plain
    assert text(http, repeat_penality=2, **again) == text(http, repeat_penalty=2, **again)
    assert text(http, repeat_penality=2, repeat_last_n=0, **again) == plain


def test_prompt_batch_size_changes_the_pace_and_not_the_answer(http: httpx.Client) -> None:
    small = text(http, prompt_batch_size=8)
    assert small.strip().startswith("30, 31,")
    assert small == text(http, prompt_batch_size=128)
    assert refused(http, prompt="x", prompt_batch_size=0)["param"] == "prompt_batch_size"


def test_the_prompt_stands_where_the_template_says(http: httpx.Client) -> None:
    template = "Count: %1 30, 31, 32, 33,"
    whole = template.replace("%1", COUNTING)
    assert text(http, prompt_template=template) == text(http, prompt=whole)
    assert text(http, prompt_template=template, echo=True).startswith(COUNTING)
    assert refused(http, prompt="x", prompt_template="nowhere")["param"] == "prompt_template"


def test_without_a_template_nothing_is_put_around_the_prompt(http: httpx.Client) -> None:
    # Theirs has every question paraphrased unless told otherwise.
    assert text(http).strip().startswith("30, 31,")


def test_reload_loads_the_model_anew_and_then_answers(http: httpx.Client) -> None:
    assert text(http, reload=True) == text(http)
    assert refused(http, prompt="x", reload="yes")["param"] == "reload"


def test_what_they_accept_without_effect_is_accepted(http: httpx.Client) -> None:
    assert text(http, thread_count=4) == text(http)


def test_the_chat_route_answers(http: httpx.Client) -> None:
    # Theirs sends the question back.
    body = http.post(CHAT, json={"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}).json()
    assert body["choices"][0]["message"]["role"] == "assistant"
    assert body["choices"][0]["message"]["content"]


def test_an_invalid_address_is_404(http: httpx.Client) -> None:
    # Theirs says so with the status of success.
    answer = http.get("/")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "Invalid URL (GET /)",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
