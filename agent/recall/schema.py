"""The tables of `recall.db`, as numbered migrations.

Owns: the columns, the index of words, the tables of vectors, and that nothing of a deleted document or memory stays behind.
Does not know: who reads or writes them.

A passage belongs to a document or to a memory and bears its audience: `house`, or a person's id. The same row is in the index of words
by a trigger. Each embedder has an index of its own: once a passage was embedded by it, it has windows there, two or three sentences
each, and each of them a row in that embedder's table of vectors. Until then the passage stands in `waiting`, by a trigger too.
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.database import Database, Migrations
from agent.store import Store

migrations = Migrations("recall")

_FIRST_DIMENSIONS = 384  # of the only embedder there was when the first tables were made

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

_INDEXES = (
    """
    CREATE TABLE indexes (                        -- one for each embedder
        number INTEGER PRIMARY KEY AUTOINCREMENT, -- its table of vectors is vectors_NUMBER
        embedder TEXT NOT NULL UNIQUE,
        dimensions INTEGER NOT NULL DEFAULT 0,    -- 0: nothing was embedded yet, and there is no table
        record TEXT NOT NULL DEFAULT '',          -- the model as JSON, if this index is to be made beside the one in use
        close REAL NOT NULL, far REAL NOT NULL    -- what a cosine is worth in it (see `relevance`)
    )""",
    """
    CREATE TABLE waiting (                        -- passages that have no vectors in an index yet
        number INTEGER NOT NULL REFERENCES indexes (number) ON DELETE CASCADE,
        passage INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
        PRIMARY KEY (number, passage)
    ) WITHOUT ROWID""",
    "CREATE INDEX waiting_passage ON waiting (passage)",
    """
    CREATE TRIGGER passages_waiting AFTER INSERT ON passages BEGIN
        INSERT INTO waiting (number, passage) SELECT number, new.id FROM indexes;
    END""",
    "ALTER TABLE windows ADD COLUMN number INTEGER NOT NULL DEFAULT 1",  # of the index
)
# What an older version works with stays, empty: after a roll-back of the system it embeds all anew, and knows nothing of indexes.
_AS_IF_NEW = (
    "DROP TABLE vectors",
    "DELETE FROM embedder",
    "UPDATE passages SET embedder = '' WHERE embedder <> ''",
)


def open_store(path: Path) -> Store:
    """The database, in which deleted text is overwritten, not only unlinked."""
    store = Store(path, migrations)
    with store.reading() as database:
        database.conn.execute("PRAGMA secure_delete=ON")
    with store.transaction() as database:
        _take_over(database)
    return store


def create_vectors(database: Database, number: int, dimensions: int) -> None:
    """An index's table of vectors; each audience has a part of its own, and only the asked ones are looked at."""
    database.conn.execute(_vectors(f"vectors_{number}", dimensions))
    database.conn.execute(
        f"CREATE TRIGGER windows_removed_{number} AFTER DELETE ON windows"  # noqa: S608 - a number of ours
        f" WHEN old.number = {number} BEGIN"
        f" DELETE FROM vectors_{number} WHERE id = old.id; END"
    )


def drop_vectors(database: Database, number: int) -> None:
    """Takes an index's vectors away, all at once."""
    database.conn.execute(f"DROP TRIGGER IF EXISTS windows_removed_{number}")
    database.conn.execute(f"DROP TABLE IF EXISTS vectors_{number}")
    database.conn.execute("DELETE FROM windows WHERE number = ?", (number,))


def _vectors(name: str, dimensions: int) -> str:
    return (
        f"CREATE VIRTUAL TABLE {name} USING vec0("
        "id INTEGER PRIMARY KEY, audience TEXT PARTITION KEY, chunk_size=128,"  # small, so that a person's first costs little
        f" embedding FLOAT[{int(dimensions)}] distance_metric=cosine)"
    )


@migrations()
def m0001_documents_memories_passages(database: Database) -> None:
    """Documents and memories, their passages, words and vectors."""
    database.executescript(_TABLES)
    database.conn.execute(_vectors("vectors", _FIRST_DIMENSIONS))
    database.executescript(_TRIGGERS)


@migrations()
def m0002_an_index_for_each_embedder(database: Database) -> None:
    """Several embedders' vectors beside each other. Those that are there become the first index; none is computed again."""
    conn = database.conn
    conn.execute("PRAGMA secure_delete=ON")
    for statement in _INDEXES:
        conn.execute(statement)
    known = conn.execute("SELECT name FROM embedder").fetchone()
    if known is not None:
        declared = conn.execute("SELECT sql FROM sqlite_master WHERE name = 'vectors'").fetchone()["sql"]
        dimensions = int(re.findall(r"FLOAT\[(\d+)\]", declared)[0])
        conn.execute(
            "INSERT INTO indexes (number, embedder, dimensions, close, far) VALUES (1, ?, ?, 0.30, 0.12)",
            (known["name"], dimensions),
        )
        create_vectors(database, 1, dimensions)
        conn.execute(
            "INSERT INTO vectors_1 (id, audience, embedding) SELECT id, audience, embedding FROM vectors"
        )
        conn.execute("INSERT INTO waiting SELECT 1, id FROM passages WHERE embedder = ''")
    _empty_older(database)


def _take_over(database: Database) -> None:
    """If an older version has worked with the file since, its vectors are no index's: all is embedded anew."""
    if database.conn.execute("SELECT 1 FROM embedder").fetchone() is None:
        return
    database.conn.execute("DELETE FROM windows")
    database.conn.execute(
        "INSERT OR IGNORE INTO waiting (number, passage) SELECT number, passages.id FROM indexes, passages"
    )
    _empty_older(database)


def _empty_older(database: Database) -> None:
    for statement in _AS_IF_NEW:
        database.conn.execute(statement)
    database.conn.execute(_vectors("vectors", _FIRST_DIMENSIONS))
