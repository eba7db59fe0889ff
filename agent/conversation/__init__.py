"""Conversation: from a message that came in to the one reply that goes out. The README gives the order of reading."""
