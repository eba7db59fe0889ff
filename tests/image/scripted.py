"""A brain inside the guest that answers at once, for tests that need many answers from an emulated box.

Owns: the unit that systemd gets by credential, and the setting by which the house asks it: a server that the owner named, as in life.
Does not know: what is asked.
"""

from __future__ import annotations

import base64
import inspect

PORT = 9999
UNIT = "nisse-test-brain.service"
WISHES = {
    "brain.remote": f"http://127.0.0.1:{PORT}/v1",
    "conversation.sender_hour": 100_000,
    "conversation.sender_day": 100_000,
    "conversation.house_hour": 100_000,
}


def serve(port: int) -> None:
    """What runs in the guest: the standard library only."""
    import http.server
    import json

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(
                {"object": "list", "data": [{"id": "scripted", "object": "model", "max_model_len": 32768}]}
            )

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = "This was answered."
            if not asked.get("stream"):
                message = {"role": "assistant", "content": text}
                self.say({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for delta, finish in (({"content": text}, None), ({}, "stop")):
                chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
                self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.write(b"data: [DONE]\n\n")

        def say(self, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def options() -> tuple[str, ...]:
    """QEMU's options that bring it into the guest."""
    program = f"from __future__ import annotations\n{inspect.getsource(serve)}\nserve({PORT})\n"
    coded = base64.b64encode(program.encode()).decode()
    unit = f"""[Unit]
Description=Brain of the test
[Service]
DynamicUser=yes
ExecStart=/usr/bin/python3 -c "import base64; exec(base64.b64decode('{coded}'))"
Restart=always
"""
    wish = f"[Unit]\nWants={UNIT}\n"
    words: list[str] = []
    for name, text in {f"systemd.extra-unit.{UNIT}": unit, "systemd.unit-dropin.basic.target": wish}.items():
        value = base64.b64encode(text.encode()).decode()
        words += ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={value}"]
    return tuple(words)
