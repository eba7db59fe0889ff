"""From python-tuf's errors to our named reasons.

Owns: which error of the library means which attack or fault.
Does not know: how metadata is fetched or kept. Whatever is not recognised is refused all the same, as malformed.
"""

from __future__ import annotations

from tuf.api import exceptions

from provisioning.updates.refusals import RefusedError

_SHORT_LIVED = ("timestamp.json", "snapshot.json")


def refusal(error: Exception, asked: str) -> RefusedError:
    """Our error for one of the library's.

    Args:
        error: Of python-tuf.
        asked: The file that was last asked for, such as `7.snapshot.json`.
    """
    return RefusedError(_reason(error, asked), f"{asked}: {type(error).__name__}: {error}"[:500])


def _reason(error: Exception, asked: str) -> str:
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (exceptions.UnsignedMetadataError, "threshold"),
        (exceptions.LengthOrHashMismatchError, "mix_and_match"),
        (exceptions.SlowRetrievalError, "too_slow"),
        (exceptions.DownloadLengthMismatchError, "endless_data"),
    )
    for kind, reason in kinds:
        if isinstance(error, kind):
            return reason
    if isinstance(error, exceptions.ExpiredMetadataError):
        # What must be signed anew every few days is not: somebody may be holding news back.
        return "freeze" if any(name in str(error) for name in _SHORT_LIVED) else "expired"
    if isinstance(error, exceptions.DownloadHTTPError):
        return (
            "incomplete" if asked != "timestamp.json" and error.status_code in (403, 404) else "unreachable"
        )
    if isinstance(error, exceptions.DownloadError):
        return "unreachable"
    return _of_versions(error, asked)


def _of_versions(error: Exception, asked: str) -> str:
    said = str(error)
    if isinstance(error, exceptions.BadVersionNumberError):
        # Parts that do not fit each other: a snapshot that is not the timestamp's, a list that is not the snapshot's.
        mixed = said.startswith("Expected snapshot version") or asked.endswith(
            ("targets.json", "models.json", "programs.json")
        )
        return "mix_and_match" if mixed else "rollback"
    if "is missing info for" in said:  # a list that once was there is gone
        return "rollback"
    return "malformed"
