"""Dovecot's configuration for the test post office, in the words of the version that is installed.

Owns: the two dialects; 2.4 (Debian 13) names many settings anew. Does not know: ports, users or when it runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

_BOTH = """\
protocols = imap lmtp
listen = {host}
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
info_log_path = {root}/dovecot.log
auth_mechanisms = plain login
ssl = required
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
mail_max_userip_connections = 50
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap_starttls_port}
  }}
  inet_listener imaps {{
    port = {imap_port}
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener {root}/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {root}/sasl {{
    mode = 0666
  }}
}}
"""

_UNTIL_2_3 = """\
disable_plaintext_auth = yes
ssl_cert = <{root}/server.pem
ssl_key = <{root}/server.key
mail_location = maildir:~/Maildir
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={root}/mail/%u
}}
"""

_SINCE_2_4 = """\
auth_allow_cleartext = no
ssl_server_cert_file = {root}/server.pem
ssl_server_key_file = {root}/server.key
mail_driver = maildir
mail_home = {root}/mail/%{{user}}
mail_path = ~/Maildir
passdb passwd-file {{
  passwd_file_path = {root}/users
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {root}/mail/%{{user}}
  }}
}}
"""

_TOKENS_UNTIL_2_3 = """\
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf
}}
"""

_TOKENS_FILE = """\
introspection_mode = auth
introspection_url = {introspection}
username_attribute = email
active_attribute = active
active_value = true
"""

_TOKENS_SINCE_2_4 = """\
oauth2 {{
  introspection_mode = auth
  introspection_url = {introspection}
  username_attribute = email
  active_attribute = active
  active_value = true
}}
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
"""

_FIRST_LINES_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
"""


def configuration(*, by_token: bool = False) -> str:
    """The text of dovecot.conf, with its ports and folders still to be filled in.

    Args:
        by_token: Whether users may log in by an OAuth 2 token too, which is asked about at `introspection`.
    """
    is_old = _version() < (2, 4)
    text = _BOTH + _UNTIL_2_3 if is_old else _FIRST_LINES_2_4 + _BOTH + _SINCE_2_4
    if not by_token:
        return text
    mechanisms = "auth_mechanisms = plain login"
    return text.replace(mechanisms, f"{mechanisms} xoauth2 oauthbearer") + (
        _TOKENS_UNTIL_2_3 if is_old else _TOKENS_SINCE_2_4
    )


def tokens() -> str:
    """The text of oauth2.conf, which Dovecot reads until 2.3."""
    return _TOKENS_FILE


def _version() -> tuple[int, int]:
    path = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or "dovecot"
    said = subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.match(r"(\d+)\.(\d+)", said)
    assert found, said
    return int(found[1]), int(found[2])
