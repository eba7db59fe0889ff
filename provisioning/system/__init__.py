"""The system itself, updated from a stick: a signed bundle goes into the slot that does not run, and is tried at the next start.

Reading order: `bundles` (those on sticks, as root finds them), `description` (who signed one, for which board, which version),
`record` (what is remembered, and what the start after it makes of it), `asking` (what the portal may have root do).

RAUC verifies and writes; GRUB counts the starts and goes back; `provisioning/slots` says when the new system is well. Here it is only
decided whether a bundle is handed to RAUC, and told how it ended.
"""
