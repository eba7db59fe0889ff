"""When a mail was written.

Owns: reading Date, also with the zones of old, and when it is too absurd to be believed.
Does not know: who vouches for it.
"""

from __future__ import annotations

from email.utils import mktime_tz, parsedate_tz

from agent.letters import headers
from agent.letters.headers import Mail

FARTHEST_S = 48 * 3600.0  # how far Date may lie off the moment of arrival


def written(mail: Mail) -> float | None:
    """What Date says, in seconds since 1970; None if it says nothing, or says it twice."""
    values = headers.fields(mail, "Date")
    if len(values) != 1:
        return None
    try:
        parsed = parsedate_tz(values[0][:200])
        return float(mktime_tz(parsed)) if parsed else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def believed(mail: Mail, arrived_at: float) -> float:
    """When the mail was written if nobody proves it: Date, or the arrival where Date is missing, in the future or far off.

    Args:
        mail: The parsed mail.
        arrived_at: When it arrived, by the server's clock.
    """
    said = written(mail)
    return said if said is not None and arrived_at - FARTHEST_S <= said <= arrived_at else arrived_at
