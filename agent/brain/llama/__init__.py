"""The engine: llama.cpp through llama-cpp-python's low-level interface, one model, many conversations, one step for all of them."""
