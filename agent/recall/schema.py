"""The tables of `recall.db`, as numbered migrations.

Owns: the columns, the index of words, the table of vectors, and that nothing of a deleted document or memory stays behind.
Does not know: who reads or writes them.

A passage belongs to a document or to a memory and bears its audience: `house`, or a person's id. The same row is in the index of words
by a trigger. Once it was embedded it has windows, two or three sentences each, and each of them a row in the table of vectors;
`passages.embedder` names whose vectors they are, and is empty while it is pending.
"""

from __future__ import annotations

from pathlib import Path

from agent.database import Database, Migrations
from agent.store import Store

migrations = Migrations("recall")

DIMENSIONS = 384  # of the default embedder; another one's table is made by `vectors.adopt`

_TABLES = """
CREATE TABLE documents (
    id TEXT PRIMARY KEY,                      -- derived from bytes and audience: a repeat is recognised
    name TEXT NOT NULL, media_type TEXT NOT NULL, audience TEXT NOT NULL, size INTEGER NOT NULL,
    pages INTEGER NOT NULL,                   -- 0 where the format has none
    source TEXT NOT NULL,                     -- JSON, as it was given: where it came from
    added_at REAL NOT NULL
);
CREATE TABLE memories (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, audience TEXT NOT NULL,
    source TEXT NOT NULL,                     -- the id of the message it was said in
    said_at REAL NOT NULL, UNIQUE (owner, source)
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,     -- never used again, so that a late vector finds no other row
    document TEXT REFERENCES documents (id) ON DELETE CASCADE,
    memory TEXT REFERENCES memories (id) ON DELETE CASCADE,
    audience TEXT NOT NULL, context TEXT NOT NULL, text TEXT NOT NULL,
    page INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    embedder TEXT NOT NULL DEFAULT '',        -- whose vectors it has; empty: none yet
    CHECK ((document IS NULL) <> (memory IS NULL))
);
CREATE INDEX passages_document ON passages (document);
CREATE INDEX passages_memory ON passages (memory);
CREATE INDEX passages_pending ON passages (id) WHERE embedder = '';
CREATE TABLE windows (                        -- the id is that of the vector
    id INTEGER PRIMARY KEY AUTOINCREMENT, passage INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE
);
CREATE INDEX windows_passage ON windows (passage);
CREATE TABLE embedder (name TEXT NOT NULL);   -- one row: whose vectors the table is made for
CREATE VIRTUAL TABLE words USING fts5 (
    context, text, content = 'passages', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
"""

_TRIGGERS = """
CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN
    INSERT INTO words (rowid, context, text) VALUES (new.id, new.context, new.text);
END;
CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN
    INSERT INTO words (words, rowid, context, text) VALUES ('delete', old.id, old.context, old.text);
END;
CREATE TRIGGER windows_removed AFTER DELETE ON windows BEGIN
    DELETE FROM vectors WHERE id = old.id;
END;
"""


def open_store(path: Path) -> Store:
    """The database, in which deleted text is overwritten, not only unlinked."""
    store = Store(path, migrations)
    with store.reading() as database:
        database.conn.execute("PRAGMA secure_delete=ON")
    return store


def create_vectors(database: Database, dimensions: int) -> None:
    """The table of vectors; each audience has a part of its own, and only the asked ones are looked at."""
    database.conn.execute(
        "CREATE VIRTUAL TABLE vectors USING vec0("
        "id INTEGER PRIMARY KEY, audience TEXT PARTITION KEY, chunk_size=128,"  # small, so that a person's first costs little
        f" embedding FLOAT[{int(dimensions)}] distance_metric=cosine)"
    )


@migrations()
def m0001_documents_memories_passages(database: Database) -> None:
    """Documents and memories, their passages, words and vectors."""
    database.executescript(_TABLES)
    create_vectors(database, DIMENSIONS)
    database.executescript(_TRIGGERS)
