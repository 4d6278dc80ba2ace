"""A guestbook with Python's standard library alone: each entry is a text file in ./entries."""

import html
import json
import os
import signal
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

ENTRIES = Path("entries")
PAGE = Template(Path(__file__).with_name("page.html").read_text("utf-8"))
MAX_BODY = 64 * 1024


class Guestbook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/":
            items = "".join(as_html(entry) for entry in read_entries()) or "<p>Nobody has signed yet.</p>"
            self.answer(200, "text/html", PAGE.substitute(entries=items))
        elif path == "/entries":
            self.answer_json(200, read_entries())
        else:
            self.answer_json(404, {"error": "there are /, /entries and /sign"})

    do_HEAD = do_GET

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return self.answer_json(413, {"error": f"an entry has at most {MAX_BODY} bytes"})
        body = self.rfile.read(length).decode("utf-8", "replace")
        if urlsplit(self.path).path != "/sign":
            return self.answer_json(404, {"error": "post to /sign"})
        is_json = self.headers.get_content_type() == "application/json"
        fields = fields_of(body, is_json)
        if not fields["name"] or not fields["message"]:
            return self.answer_json(400, {"error": 'send "name" and "message", in JSON or as a form'})
        entry = write_entry(**fields)
        if is_json:
            self.answer_json(201, entry)
        else:
            self.answer(303, "text/plain", "", Location="/")

    def answer_json(self, status, value):
        self.answer(status, "application/json", json.dumps(value) + "\n")

    def answer(self, status, content_type, text, **headers):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def fields_of(body, is_json):
    if is_json:
        try:
            given = json.loads(body)
        except ValueError:
            given = None
        given = given if isinstance(given, dict) else {}
    else:
        given = {name: values[0] for name, values in parse_qs(body).items()}
    return {
        "name": " ".join(str(given.get("name", "")).split()),
        "message": str(given.get("message", "")).strip(),
    }


def write_entry(name, message):
    """Writes a new file under another name first, so that an entry is there as a whole or not at all."""
    ENTRIES.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=ENTRIES, prefix=".", delete=False) as file:
        file.write(f"{name}\n{message}\n")
        file.flush()
        os.fsync(file.fileno())
    identifier = str(time.time_ns())
    os.rename(file.name, ENTRIES / f"{identifier}.txt")
    folder = os.open(ENTRIES, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return {"id": identifier, "name": name, "message": message}


def read_entries():
    """All entries, newest first."""
    entries = []
    for path in sorted(ENTRIES.glob("[0-9]*.txt"), reverse=True):
        name, _, message = path.read_text("utf-8").partition("\n")
        entries.append({"id": path.stem, "name": name, "message": message.rstrip("\n")})
    return entries


def as_html(entry):
    return f"<blockquote>{html.escape(entry['message'])}<footer>{html.escape(entry['name'])}</footer></blockquote>\n"


def main():
    # Entries are on the disk before their answer is sent: there is nothing to save, only to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Guestbook) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
