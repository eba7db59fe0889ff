"""Who is known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.conversation.people import People, comparable
from agent.conversation.schema import migrations
from agent.errors import AuthenticationError, ConflictError, NisseError, RequestError
from agent.store import Store

PASSWORD = "correct horse battery"


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    store = Store(tmp_path / "conversation.db", migrations)
    yield People(store)
    store.close()


def test_of_fifty_claims_at_once_one_wins(people: People) -> None:
    results: list[object] = []

    def claim(number: int) -> None:
        try:
            results.append(people.claim(f"P{number}", [("mail", f"p{number}@example.org")], PASSWORD))
        except NisseError as refused:
            results.append(refused)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not isinstance(result, ConflictError) for result in results) == 1
    assert len(people.everybody()) == 1


def test_a_mail_address_is_known_whatever_its_case_and_form(people: People) -> None:
    people.claim("Änna", [("mail", "Anna@Bücher.example")], PASSWORD)
    for form in ("anna@bücher.example", "ANNA@BÜCHER.example", " anna@xn--bcher-kva.example "):
        assert people.known("mail", form) is not None
    assert people.known("mail", "anna@example") is None
    assert people.known("console", "anna@bücher.example") is None


def test_the_right_password_and_no_other_logs_in(people: People) -> None:
    anna = people.claim("Anna", [("mail", "anna@example.org")], PASSWORD)
    people.add("Bo", "member", [("mail", "bo@example.org")])
    assert people.verify("Anna@example.org", PASSWORD).id == anna.id
    for address, password in (
        ("anna@example.org", "wrong password"),
        ("bo@example.org", ""),
        ("x@example.org", PASSWORD),
    ):
        with pytest.raises(AuthenticationError):
            people.verify(address, password)


def test_an_unknown_address_cannot_log_in_with_the_decoys_password(people: People) -> None:
    with pytest.raises(AuthenticationError):
        people.verify("nobody@example.org", "nobody's password")


@pytest.mark.parametrize(
    ("name", "address", "password"),
    [
        ("", "a@b.org", PASSWORD),
        ("A", "not an address", PASSWORD),
        ("A", "a@b.org", "short"),
        ("A", "a@b.org", "x" * 201),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_hint(
    people: People, name: str, address: str, password: str
) -> None:
    with pytest.raises(RequestError):
        people.claim(name, [("mail", address)], password)
    assert people.everybody() == []


def test_an_address_belongs_to_one_person(people: People) -> None:
    people.claim("Anna", [("mail", "anna@example.org")], PASSWORD)
    with pytest.raises(ConflictError):
        people.add("Bo", "member", [("mail", "ANNA@example.org")])
    assert [person.name for person in people.everybody()] == ["Anna"]


def test_the_last_owner_stays(people: People) -> None:
    anna = people.claim("Anna", [("mail", "anna@example.org")], PASSWORD)
    bo = people.add("Bo", "member", [("mail", "bo@example.org")])
    with pytest.raises(ConflictError):
        people.remove(anna.id)
    people.remove(bo.id)
    assert people.known("mail", "bo@example.org") is None


def test_passwords_are_stored_hashed_only(people: People, tmp_path: Path) -> None:
    people.claim("Anna", [("mail", "anna@example.org")], PASSWORD)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert PASSWORD.encode() not in files
    assert b"argon2id" in files


@pytest.mark.rule("E26")
def test_domains_of_two_owners_are_two_whatever_the_eye_sees() -> None:
    assert comparable("mail", "Anna@BÜCHER.example") == "anna@xn--bcher-kva.example"
    assert comparable("mail", "anna@fa\u00df.example") == "anna@xn--fa-hia.example"
    assert comparable("mail", "anna@fass.example") == "anna@fass.example"
    assert comparable("mail", "anna@ex\u0430mple.org") != "anna@example.org"
