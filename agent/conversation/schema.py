"""The tables of `conversation.db`, as numbered migrations.

Owns: the columns, and what the states mean.
Does not know: who reads or writes them.

A message goes `received -> claimed -> answered`, or straight to `refused`. Its reply goes `answered -> sending -> sent`, or to
`failed`. Each arrow is one transaction (rule 1). A reply has the id of its message: there cannot be two. A note that the answer will
take long goes the same way in a table of its own; it is `dropped` if the answer comes before the note was sent.
"""

from __future__ import annotations

import secrets

from agent.database import Database, Migrations

migrations = Migrations("conversation")


@migrations()
def m0001_people_messages_replies(db: Database) -> None:
    """People with their addresses; messages with their attachments; replies; what happened."""
    db.executescript(
        """
        CREATE TABLE house (instance TEXT NOT NULL);  -- one row: what makes this house's outgoing ids its own
        CREATE TABLE people (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
            password TEXT NOT NULL DEFAULT '',        -- argon2id, or empty: cannot log in
            created_at REAL NOT NULL
        );
        CREATE TABLE addresses (
            kind TEXT NOT NULL, address TEXT NOT NULL, person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
            PRIMARY KEY (kind, address)
        ) WITHOUT ROWID;
        CREATE TABLE departed (person TEXT PRIMARY KEY) WITHOUT ROWID;  -- whose memories recall has still to forget
        CREATE TABLE inbox (
            id TEXT PRIMARY KEY, channel TEXT NOT NULL, person TEXT, thread TEXT NOT NULL,
            interactive INTEGER NOT NULL,             -- 1: somebody sits there and waits
            thinks INTEGER NOT NULL,                  -- 1: only the brain can answer it
            state TEXT NOT NULL CHECK (state IN ('received', 'claimed', 'answered', 'refused')),
            body TEXT NOT NULL,                       -- the Message as JSON, without its attachments
            reason TEXT NOT NULL DEFAULT '',          -- why it was refused, or why it waits
            received_at REAL NOT NULL, not_before REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX inbox_waiting ON inbox (state, interactive DESC, received_at);
        CREATE INDEX inbox_thread ON inbox (thread, received_at);
        CREATE TABLE attachments (
            message TEXT NOT NULL REFERENCES inbox (id) ON DELETE CASCADE, position INTEGER NOT NULL,
            name TEXT NOT NULL, media_type TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (message, position)
        ) WITHOUT ROWID;
        CREATE TABLE outbox (
            id TEXT PRIMARY KEY REFERENCES inbox (id), channel TEXT NOT NULL, person TEXT,
            state TEXT NOT NULL CHECK (state IN ('answered', 'sending', 'sent', 'failed')),
            body TEXT NOT NULL,                       -- the Reply as JSON; never changed
            remembered INTEGER NOT NULL,              -- 1: recall has it, or need not
            reason TEXT NOT NULL DEFAULT '', not_before REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
            created_at REAL NOT NULL
        );
        CREATE INDEX outbox_waiting ON outbox (state, channel, not_before);
        CREATE TABLE events (
            id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, message TEXT, person TEXT,
            detail TEXT NOT NULL DEFAULT ''
        );
        """
    )
    db.conn.execute("INSERT INTO house VALUES (?)", [secrets.token_hex(16)])


@migrations()
def m0003_notes(db: Database) -> None:
    """Notes that an answer will take long: replies of their own, one a message at most."""
    db.executescript(
        """
        CREATE TABLE notes (
            id TEXT PRIMARY KEY,                      -- the message's, with an ending
            message TEXT NOT NULL UNIQUE REFERENCES inbox (id) ON DELETE CASCADE,
            channel TEXT NOT NULL, person TEXT,
            state TEXT NOT NULL CHECK (state IN ('answered', 'sending', 'sent', 'failed', 'dropped')),
            body TEXT NOT NULL,                       -- the Reply as JSON; never changed
            reason TEXT NOT NULL DEFAULT '', not_before REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
            created_at REAL NOT NULL
        );
        CREATE INDEX notes_waiting ON notes (state, channel, not_before);
        """
    )


@migrations()
def m0004_decisions(db: Database) -> None:
    """By which rule each message was refused, what limits count, what came back, and who is not shown any more."""
    db.executescript(
        """
        ALTER TABLE inbox ADD COLUMN rule TEXT NOT NULL DEFAULT '';      -- by which it was refused, or which a notice is about
        ALTER TABLE inbox ADD COLUMN address TEXT NOT NULL DEFAULT '';   -- the sender's, comparable
        ALTER TABLE inbox ADD COLUMN held INTEGER NOT NULL DEFAULT 0;    -- 1: refused, but whole: somebody may have it answered
        ALTER TABLE inbox ADD COLUMN digest TEXT NOT NULL DEFAULT '';    -- of its new text; empty: there is none
        ALTER TABLE inbox ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;  -- 1: says nothing new in its thread
        UPDATE inbox SET rule = 'E17' WHERE state = 'refused';
        CREATE INDEX inbox_counted ON inbox (person, received_at) WHERE interactive = 0 AND rule = '';
        CREATE INDEX inbox_counted_all ON inbox (received_at) WHERE interactive = 0 AND rule = '';
        CREATE INDEX inbox_refused ON inbox (received_at) WHERE state = 'refused';
        CREATE INDEX inbox_refused_from ON inbox (address, rule, received_at) WHERE state = 'refused';
        CREATE INDEX inbox_arrived ON inbox (received_at);
        CREATE INDEX events_message ON events (message) WHERE message IS NOT NULL;
        CREATE INDEX outbox_outgoing ON outbox (json_extract(body, '$.outgoing_id'));
        CREATE INDEX notes_outgoing ON notes (json_extract(body, '$.outgoing_id'));
        CREATE TABLE storms (                         -- refused mails that are counted only, as many like them are kept
            address TEXT NOT NULL, rule TEXT NOT NULL, count INTEGER NOT NULL, since REAL NOT NULL, newest REAL NOT NULL,
            PRIMARY KEY (address, rule)
        ) WITHOUT ROWID;
        CREATE TABLE halts (at REAL PRIMARY KEY, until REAL NOT NULL, resumed REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
        CREATE TABLE bounces (
            reply TEXT PRIMARY KEY, message TEXT NOT NULL, address TEXT NOT NULL,
            hard INTEGER NOT NULL,                    -- 1: the address does not take mail
            said TEXT NOT NULL, at REAL NOT NULL,
            forgiven INTEGER NOT NULL DEFAULT 0       -- 1: does not count any more
        ) WITHOUT ROWID;
        CREATE INDEX bounces_address ON bounces (address) WHERE hard = 1 AND forgiven = 0;
        CREATE INDEX bounces_message ON bounces (message);
        CREATE TABLE ignored (address TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;  -- strangers an owner does not want to see
        """
    )
