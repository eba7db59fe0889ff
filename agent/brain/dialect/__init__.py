"""OpenAI's JSON in words of our own: a body in, a `Call` out (`asking`); pieces in, bodies out (`writing`). Pure.

What the body asks for is honoured or refused by the field's name, never ignored: an ignored `response_format` is found out much
later. GPT4All's further parameters are read as well.
"""
