"""Logging in by permission (OAuth 2): against real Dovecot and Postfix, which ask a provider's login whose a token is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.channels._submission import Submission
from agent.channels.mail import check, oauth
from agent.channels.mail.account import access_token, accounts, missing_settings
from agent.channels.mail.imap import Imap
from agent.channels.mail.journal import Journal, opened
from agent.channels.mail.oauth import AccessToken, Client
from agent.errors import AuthenticationError, NisseError, SettingsError, UnavailableError, UnreachableError
from agent.settings import Secret, Settings
from tests.fakes.login_provider import CLIENT, LoginProvider
from tests.live.house_at_work import House
from tests.live.postoffice import PostOffice

NISSE = "nisse@nisse.test"


@pytest.fixture(scope="module")
def provider() -> Iterator[LoginProvider]:
    with LoginProvider(NISSE) as opened_:
        yield opened_


@pytest.fixture(scope="module")
def token_office(provider: LoginProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    folder = tmp_path_factory.mktemp("token-post")
    with PostOffice(folder, introspection=f"{provider.url}/introspect") as office:
        yield office


def client(provider: LoginProvider, client_id: str = CLIENT) -> Client:
    return Client(
        client_id=client_id,
        secret=Secret(""),
        token_url=f"{provider.url}/token",
        device_url=f"{provider.url}/device",
        scope="mail",
    )


def by_permission(house: House, office: PostOffice, provider: LoginProvider, permission: str) -> Settings:
    """The house's settings with an account there, entered by this permission."""
    house.environment.update(
        {
            "NISSE_MAIL_ADDRESS": NISSE,
            "NISSE_MAIL_LOGIN": "oauth2",
            "NISSE_MAIL_OAUTH_CLIENT": CLIENT,
            "NISSE_MAIL_OAUTH_PERMISSION": permission,
            "NISSE_MAIL_OAUTH_TOKEN_URL": f"{provider.url}/token",
            "NISSE_MAIL_IMAP_HOST": office.host,
            "NISSE_MAIL_IMAP_PORT": str(office.imap_port),
            "NISSE_MAIL_SMTP_HOST": office.host,
            "NISSE_MAIL_SMTP_PORT": str(office.smtp_port),
            "NISSE_MAIL_CA_FILE": str(office.ca_file),
        }
    )
    return house.settings


@pytest.mark.servers
@pytest.mark.rule("E54")
def test_a_permission_opens_both_servers(
    house: House, token_office: PostOffice, provider: LoginProvider
) -> None:
    settings = by_permission(house, token_office, provider, provider.permit())
    assert NISSE in check(settings)
    (account,) = accounts(settings)
    entered = account.entered_by(access_token(settings))
    with Imap(entered.imap) as box:
        box.open("INBOX")
    handed = Submission(entered.smtp).submit(b"Subject: hi\r\n\r\nhi\r\n", sender=NISSE, recipient=NISSE)
    assert handed.certain


@pytest.mark.servers
@pytest.mark.rule("E54")
def test_a_permission_that_was_withdrawn_is_told_as_such(
    house: House, token_office: PostOffice, provider: LoginProvider
) -> None:
    settings = by_permission(house, token_office, provider, "never given")
    with pytest.raises(AuthenticationError, match=r"Token has been revoked.*Give it the permission anew"):
        check(settings)


@pytest.mark.servers
@pytest.mark.rule("E54")
def test_a_token_that_ended_early_is_replaced_by_a_fresh_one(
    house: House, token_office: PostOffice, provider: LoginProvider
) -> None:
    settings = by_permission(house, token_office, provider, provider.permit())
    (account,) = accounts(settings)
    entered = account.entered_by(access_token(settings))
    with Imap(entered.imap):
        provider.tokens.clear()
    for ask in (lambda: Imap(entered.imap).__enter__(), Submission(entered.smtp).check):
        with pytest.raises(UnavailableError, match="wants a fresh token"):
            ask()
        Submission(entered.smtp).check()
        provider.tokens.clear()


def test_a_token_is_asked_for_once_and_renewed_before_it_ends(provider: LoginProvider) -> None:
    token = AccessToken(client(provider), Secret(provider.permit()))
    asked = len(provider.asked)
    assert token.current() == token.current()
    assert len(provider.asked) == asked + 1
    with LoginProvider(NISSE, lasts=60) as hurried:
        token = AccessToken(client(hurried), Secret(hurried.permit()))
        assert token.current() != token.current(), "a minute is too short to begin something with it"


def test_a_permission_that_each_use_replaces_is_kept_over_restarts(tmp_path: Path) -> None:
    with LoginProvider(NISSE, replaces=True) as provider:
        given = Secret(provider.permit())
        store = opened(tmp_path)
        for _ in range(3):
            assert AccessToken(client(provider), given, Journal(store, "a")).current()
        store.close()
        store = opened(tmp_path)
        assert AccessToken(client(provider), given, Journal(store, "a")).current()
        anew = Secret(provider.permit())
        assert AccessToken(client(provider), anew, Journal(store, "a")).current()
        assert provider.asked[-1]["refresh_token"] == anew.reveal(), "what the owner pasted anew counts"
        store.close()


def test_the_owner_says_yes_on_another_screen(provider: LoginProvider) -> None:
    question = oauth.ask_owner(client(provider))
    assert (question.code, question.url) == ("WDJB-MJHT", "https://login.example/device")
    provider.said_yes = False
    assert oauth.fetch_permission(client(provider), question.device_code) == ""
    provider.said_yes = True
    permission = oauth.fetch_permission(client(provider), question.device_code)
    assert AccessToken(client(provider), Secret(permission)).current() in provider.tokens
    with pytest.raises(AuthenticationError, match="Begin once more"):
        oauth.fetch_permission(client(provider), "another code")


def test_a_client_that_the_provider_does_not_know_is_told_as_such(provider: LoginProvider) -> None:
    with pytest.raises(SettingsError, match="AADSTS700016"):
        oauth.ask_owner(client(provider, "unknown"))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://login.example/token", SettingsError),
        ("ftp://login.example/token", SettingsError),
        ("", SettingsError),
        ("http://127.0.0.1:1/token", UnreachableError),
        ("https://127.0.0.1:1/token", UnreachableError),
    ],
)
def test_a_permission_is_never_shown_to_an_unencrypted_place(url: str, error: type[NisseError]) -> None:
    place = Client(client_id=CLIENT, secret=Secret(""), token_url=url)
    with pytest.raises(error):
        AccessToken(place, Secret("a permission")).current()


def test_what_is_missing_for_a_permission_is_named(house: House) -> None:
    house.environment.update({"NISSE_MAIL_LOGIN": "oauth2", "NISSE_MAIL_ADDRESS": "me@outlook.com"})
    assert missing_settings(house.settings) == [
        "mail.imap_host",
        "mail.smtp_host",
        "mail.oauth_client",
        "mail.oauth_permission",
    ], "the token's address is in the table"


def test_a_refused_token_is_worth_another_try_only_if_it_was_an_old_one(provider: LoginProvider) -> None:
    token = AccessToken(client(provider), Secret(provider.permit()))
    token.current()
    assert token.refused() is False, "it was fresh"
    token.current()
    token.current()
    assert token.refused() is True
