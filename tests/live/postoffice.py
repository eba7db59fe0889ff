"""A real post office for tests: Postfix and Dovecot of the system, with their own configuration, users and certificate authority.

Owns: starting both on free loopback ports, waiting until they answer, stopping exactly what it started, and a postman's few moves
(put a mail in, look into a mailbox). Needs root (Postfix insists) and no network; knows nothing of Nisse.

    with PostOffice(tmp_path) as office:
        office.send(mail, "anna@nisse.test")
        office.mailbox("nisse@nisse.test")

Everything addressed to `later@nisse.test` is put off (450) until `office.open_later()`; what is addressed to `moved@nisse.test` is
taken and comes back as a bounce; an address that is none of `USERS` is refused for good (550), and nothing ever leaves the machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme
from imapclient import IMAPClient

from tests.live import dovecot
from tests.live.nameserver import NameServer
from tests.live.ports import free_port
from tests.live.signing import Signer

DOMAIN = "nisse.test"
USERS = ("nisse", "anna", "bert", "stranger")
HOST = "127.0.0.1"
_READY_S = 30.0
_OWN_SENDER = re.compile(rb"^From:[^\n]*@nisse\.test\b", re.IGNORECASE | re.MULTILINE)

_MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/postfix.log
maillog_file_prefixes = {root}
inet_interfaces = {host}
inet_protocols = ipv4
myhostname = post.{domain}
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
default_transport = error:5.4.4 this post office delivers nothing elsewhere
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{root}/postfix/mailboxes
virtual_alias_maps = texthash:{root}/postfix/aliases
virtual_transport = lmtp:unix:{root}/lmtp
message_size_limit = {size_limit}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
queue_minfree = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = {root}/sasl
smtpd_tls_cert_file = {root}/server.pem
smtpd_tls_key_file = {root}/server.key
smtpd_tls_auth_only = yes
smtpd_error_sleep_time = 0
smtpd_client_restrictions = {stamp}
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access texthash:{root}/postfix/deferred
smtp_tls_security_level = none
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 2s
in_flow_delay = 0
disable_dns_lookups = yes
"""

_MASTER = """\
{host}:{plain_port} inet n - n - - smtpd
{host}:{smtp_port} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
{host}:{smtp_starttls_port} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Account:
    """A user of the post office."""

    address: str
    password: str


class PostOffice:
    """Postfix and Dovecot on loopback, for as long as the `with` block lasts."""

    def __init__(
        self, tmp_path: Path, *, size_limit: int = 200_000_000, introspection: str = "", stamp: str = ""
    ) -> None:
        """Chooses ports and writes the configuration; nothing runs yet.

        Args:
            tmp_path: Where the certificate authority's file is put.
            size_limit: Largest mail that Postfix takes, in bytes.
            introspection: Where Dovecot asks whose an OAuth 2 token is; empty: nobody logs in by one.
            stamp: What Postfix puts into every mail as Authentication-Results; empty: no such field.
        """
        # The daemons drop root and use Unix sockets: the folder must be open to them and its path short, as pytest's is not.
        self.root = Path(tempfile.mkdtemp(prefix="post-"))
        self.root.chmod(0o755)
        self.host = HOST
        self.ca_file = tmp_path / "post-office-ca.pem"
        self.imap_port, self.imap_starttls_port = free_port(), free_port()
        self.smtp_port, self.smtp_starttls_port, self.plain_port = free_port(), free_port(), free_port()
        self.signer = Signer(DOMAIN)
        self.names = NameServer({self.signer.name: self.signer.record()})
        self._size_limit = size_limit
        self.introspection = introspection
        self.stamp = (
            f"check_client_access static:{{PREPEND Authentication-Results: {stamp}}}" if stamp else ""
        )
        self._postfix: subprocess.Popen[bytes] | None = None
        self._dovecot: subprocess.Popen[bytes] | None = None
        self._configure()

    def __enter__(self) -> Self:
        try:
            self.names.__enter__()
            self.start_dovecot()
            self.start_postfix()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_postfix()
        self.stop_dovecot()
        self.names.__exit__(None, None, None)
        shutil.rmtree(self.root, ignore_errors=True)

    def account(self, name: str) -> Account:
        """The address and password of one of `USERS`."""
        if name not in USERS:
            raise KeyError(name)
        return Account(f"{name}@{DOMAIN}", f"password-of-{name}")

    def send(self, mail: bytes | EmailMessage, sender: str, *recipients: str, is_signed: bool = True) -> None:
        """Puts a mail in, as another server would; it is in the mailbox a moment later (see `wait_for`).

        Args:
            mail: The mail, or its bytes exactly as they shall travel.
            sender: Envelope sender; empty for a bounce.
            recipients: Envelope recipients; none: `nisse@nisse.test`.
            is_signed: Whether the domain's server signs it, as far as its From is one of the domain.
        """
        content = mail if isinstance(mail, bytes) else mail.as_bytes(policy=policy.SMTP)
        if is_signed and _OWN_SENDER.search(content):
            content = self.signer.sign(content)
        with smtplib.SMTP(HOST, self.plain_port, timeout=60) as client:
            client.sendmail(sender, recipients or (f"nisse@{DOMAIN}",), content)

    def mailbox(self, address: str, folder: str = "INBOX") -> list[EmailMessage]:
        """The mails in a user's folder, oldest first; looking changes nothing."""
        with self.imap(address) as client:
            client.select_folder(folder, readonly=True)
            found: dict[int, Any] = client.fetch(client.search("ALL"), ["BODY.PEEK[]"])
        parsed = (message_from_bytes(found[uid][b"BODY[]"], policy=policy.default) for uid in sorted(found))
        return [mail for mail in parsed if isinstance(mail, EmailMessage)]

    def wait_for(
        self, address: str, count: int, *, folder: str = "INBOX", seconds: float = 60
    ) -> list[EmailMessage]:
        """The mailbox as soon as it holds so many mails, or as it is when the time is up."""
        end = time.monotonic() + seconds
        while len(mails := self.mailbox(address, folder)) < count and time.monotonic() < end:
            time.sleep(0.1)
        return mails

    def let_all_arrive(self, seconds: float = 30) -> None:
        """Returns when no mail is on its way any more; those that were put off are thrown away."""
        _run("postsuper", "-c", str(self.root / "postfix"), "-d", "ALL", "deferred")
        end = time.monotonic() + seconds
        while self._on_its_way() and time.monotonic() < end:
            time.sleep(0.05)

    @contextlib.contextmanager
    def imap(self, address: str) -> Iterator[IMAPClient]:
        """A user's logged-in IMAP connection, for whatever a test wants to see or do."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with IMAPClient(HOST, port=self.imap_port, ssl_context=context, timeout=30) as client:
            client.login(address, self.account(address.partition("@")[0]).password)
            yield client

    def open_later(self) -> None:
        """From now on `later@nisse.test` reaches Anna instead of being put off."""
        (self.root / "postfix/deferred").write_text("")
        self._restart_postfix()

    def start_dovecot(self) -> None:
        """Starts Dovecot and waits until it answers."""
        self._dovecot = _start("dovecot", "-F", "-c", str(self.root / "dovecot.conf"))
        _wait(self._dovecot, self.imap_port, self.root / "dovecot.log")

    def stop_dovecot(self) -> None:
        """Stops Dovecot; all connections break."""
        _stop(self._dovecot)

    def restart_dovecot(self) -> None:
        """Breaks all IMAP connections; mailboxes stay."""
        self.stop_dovecot()
        self.start_dovecot()

    def start_postfix(self) -> None:
        """Starts Postfix and waits until it answers."""
        self._postfix = _start("postfix", "-c", str(self.root / "postfix"), "start-fg")
        _wait(self._postfix, self.smtp_port, self.root / "postfix.log")

    def stop_postfix(self) -> None:
        """Stops Postfix; its queue stays."""
        # The command that started it is a shell script: the daemon below it has a session of its own and a file with its pid.
        pid_file = self.root / "queue/pid/master.pid"
        _stop(self._postfix, int(pid_file.read_text()) if pid_file.exists() else None)

    def _on_its_way(self) -> bool:
        folders = (self.root / "queue" / name for name in ("maildrop", "incoming", "active"))
        return any(path.is_file() for folder in folders for path in folder.rglob("*"))

    def _restart_postfix(self) -> None:
        self.stop_postfix()
        self.start_postfix()

    def _configure(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        server = authority.issue_cert(HOST, "localhost")
        server.private_key_pem.write_to_path(self.root / "server.key")
        for piece in server.cert_chain_pems:
            piece.write_to_path(self.root / "server.pem", append=True)
        for folder in ("postfix", "queue", "data", "mail", "run", "state"):
            (self.root / folder).mkdir(mode=0o755)
        shutil.chown(self.root / "data", "postfix")
        shutil.chown(self.root / "mail", "nobody")
        values = {**vars(self), "host": HOST, "domain": DOMAIN, "size_limit": self._size_limit}
        accounts = [self.account(name) for name in USERS]
        for name, content in {
            "dovecot.conf": dovecot.configuration(by_token=bool(self.introspection)).format_map(values),
            "oauth2.conf": dovecot.tokens().format_map(values),
            "users": "".join(f"{one.address}:{{PLAIN}}{one.password}\n" for one in accounts),
            "postfix/main.cf": _MAIN.format_map(values),
            "postfix/master.cf": _MASTER.format_map(values),
            "postfix/mailboxes": "".join(f"{one.address} x\n" for one in accounts),
            "postfix/aliases": f"later@{DOMAIN} anna@{DOMAIN}\nmoved@{DOMAIN} moved@elsewhere.test\n",
            "postfix/deferred": f"later@{DOMAIN} 450 4.2.1 come again later\n",
        }.items():
            (self.root / name).write_text(content)


def _found(program: str) -> str:
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise RuntimeError(
            f"{program} is not installed; `make test` needs postfix, dovecot-imapd and dovecot-lmtpd"
        )
    return path


def _run(program: str, *arguments: str) -> None:
    subprocess.run([_found(program), *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=True)


def _start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([_found(program), *arguments], stdin=subprocess.DEVNULL, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    _stop(process)
    said = log.read_text()[-3000:] if log.exists() else "nothing"
    raise RuntimeError(f"no answer on port {port}; the log says: {said}")


def _stop(process: subprocess.Popen[bytes] | None, daemon: int | None = None) -> None:
    if process is None or process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(daemon or process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
