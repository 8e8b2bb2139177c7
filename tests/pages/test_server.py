"""The server of a page that changes: who gets an answer, and what."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest

from steepest.errors import InputError
from steepest.pages.server import PageServer


@pytest.fixture
def server():
    with PageServer({"title": "t", "says": ""}, "live.js") as found:
        yield found


def ask(server, method="GET", path="/", token=None, **headers):
    split = urlsplit(server.address)
    connection = http.client.HTTPConnection(split.hostname, split.port, timeout=30)
    query = split.query if token is None else f"token={token}"
    connection.request(method, f"{path}?{query}", headers=headers)
    return connection.getresponse()


def place(server):
    return urlsplit(server.address).netloc


def test_the_page_comes_to_who_knows_the_token(server):
    answer = ask(server)
    assert answer.status == 200
    assert b"connect-src 'self'" in answer.read()
    assert answer.getheader("X-Frame-Options") == "DENY"
    assert answer.getheader("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("token", ["", "wrong", "ü"])
@pytest.mark.parametrize("path", ["/", "/news", "/press/stop"])
def test_no_token_no_answer(server, token, path):
    from urllib.parse import quote

    method = "POST" if "press" in path else "GET"
    answer = ask(server, method, path, quote(token), Origin=f"http://{place(server)}")
    assert (answer.status, answer.read()) == (403, b"")
    assert not server.pressed("stop")


def test_other_origins_and_names_get_nothing(server):
    assert ask(server, Origin="http://evil.example").status == 403
    assert ask(server, Host="evil.example").status == 403  # a name that leads here
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert ask(server, "POST", "/press/stop", **headers).status == 403
    assert not server.pressed("stop")
    assert ask(server, "POST", "/press/stop", Origin=f"http://{place(server)}").status == 204
    assert server.pressed("stop")


@pytest.mark.parametrize("sent", [b"{", b"[" * 100_000, b"\xff", b"1"])
def test_what_makes_no_sense_is_refused_in_words(sent):
    def refuse(sent):
        raise InputError("no")

    with PageServer({"title": "t", "says": ""}, "live.js", {"keep": refuse}) as server:
        split = urlsplit(server.address)
        connection = http.client.HTTPConnection(split.hostname, split.port, timeout=30)
        origin = {"Origin": f"http://{place(server)}"}
        connection.request("POST", f"/ask/keep?{split.query}", body=sent, headers=origin)
        answer = connection.getresponse()
        assert answer.status == 400
        assert answer.read()


def test_a_page_that_sends_too_much_is_told_so(server):
    origin = {"Origin": f"http://{place(server)}"}
    answer = ask(server, "POST", "/ask/keep", **origin, **{"Content-Length": str(10**11)})
    assert answer.status == 413
    assert b"a page may send 100,000,000 bytes at most" in answer.read()


def test_it_listens_on_this_machine_alone(server):
    assert server._server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "raw",
    [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b""],
)
def test_nonsense_is_no_fault(server, raw):
    split = urlsplit(server.address)
    with socket.create_connection((split.hostname, split.port), timeout=30) as connection:
        connection.sendall(raw)
    assert ask(server).status == 200


def test_news_come_as_they_are_sent_and_end(server):
    server.send({"step": 1, "loss": float("nan")})
    answer = ask(server, path="/news")
    assert answer.readline() == b'data: {"step": 1, "loss": null}\n'
    assert server.watched
    answer.readline()
    server.send({"step": 2})
    assert json.loads(answer.readline().removeprefix(b"data: ")) == {"step": 2}
    answer.readline()
    server.close()
    assert not server.watched  # it waits until pages have heard the last news, and no longer
    assert b"event: end" in answer.read()
    server.close = lambda: None


def test_a_page_that_goes_away_is_forgotten(server):
    answer = ask(server, path="/news")
    answer.readline()
    answer.close()
    for _ in range(100_000):  # what is sent fills the socket of who has gone
        server.send({"text": "x" * 10_000})
        if not server.watched:
            break
    assert not server.watched
