"""Tools: what the agent can do besides answering. A typed function with a docstring will be a tool; there is none yet."""
