"""A client of several threads: who closes it, and when."""

from __future__ import annotations

import os
import socket

import httpx
import pytest

from agent.models.shared_client import SharedClient
from tests.fakes.file_server import FileServer


def quick() -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda _request: httpx.Response(200)))


def test_an_owner_who_leaves_alone_closes_it() -> None:
    client = quick()
    with SharedClient(client) as shared, shared.used() as same:
        assert same.get("http://house/").status_code == 200
    assert client.is_closed


def test_whoever_leaves_last_closes_it() -> None:
    client = quick()
    shared = SharedClient(client)
    with shared.used():
        with shared.used(), shared:
            pass
        assert not client.is_closed
    assert client.is_closed


def test_nothing_new_is_asked_of_one_that_was_given_up() -> None:
    shared = SharedClient(quick())
    with shared.used() as client:
        with shared:
            pass
        with pytest.raises(httpx.ConnectError, match="given up"):
            client.get("http://house/")
    with shared.used() as client, pytest.raises(RuntimeError, match="closed"):
        client.get("http://house/")


def test_a_line_of_which_the_number_means_another_by_then_is_left_alone() -> None:
    shared = SharedClient(httpx.Client(trust_env=False))
    with (
        FileServer({"owls": b"Owls."}) as server,
        shared.used() as client,
        client.stream("GET", server.url("owls")) as answer,
    ):
        line = answer.extensions["network_stream"].get_extra_info("socket")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            os.dup2(ours.fileno(), line.fileno())
            with shared:
                pass
            ours.sendall(b"still there")
            assert theirs.recv(100) == b"still there"
    assert client.is_closed
