"""Letters: what mail looks like, read and written; shared by every channel that carries mail.

Pure: bytes in, nouns out, and back. Nothing here opens a connection, a file or a database, and nothing here decides who is
answered: a letter's facts are stated, conversation judges.
"""
