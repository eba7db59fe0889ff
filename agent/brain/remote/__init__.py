"""The runtime for a server elsewhere: vLLM (and so Ray Serve), Ollama, llama-server, another Nisse; whatever speaks OpenAI's HTTP.

The owner names one server in the settings; nothing is sent to any other. The local model is loaded all the same and answers whatever
the server does not: `fallback` says when.
"""
