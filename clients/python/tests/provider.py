"""A provider of models that runs here: streams as OpenAI's and Anthropic's do, and can break off."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["Your ", "résumé ", "fits ", "well."]


def openai_chunks():
    for word in WORDS:
        yield {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small-1",
               "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
    yield {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "small-1", "choices": [],
           "usage": {"prompt_tokens": 120, "completion_tokens": 40, "total_tokens": 160,
                     "prompt_tokens_details": {"cached_tokens": 100},
                     "completion_tokens_details": {"reasoning_tokens": 7}}}


def response_events():
    yield "response.created", {"response": response("in_progress", None)}
    for number, word in enumerate(WORDS):
        yield "response.output_text.delta", {
            "item_id": "m", "output_index": 0, "content_index": 0, "delta": word, "logprobs": []}
    usage = {"input_tokens": 120, "output_tokens": 40, "total_tokens": 160,
             "input_tokens_details": {"cached_tokens": 100},
             "output_tokens_details": {"reasoning_tokens": 7}}
    yield "response.completed", {"response": response("completed", usage)}


def response(status, usage):
    return {"id": "r", "object": "response", "created_at": 1, "model": "small-1", "status": status,
            "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage}


def message_events():
    yield "message_start", {"message": {
        "id": "m", "type": "message", "role": "assistant", "model": "small-1", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 20, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0,
                  "output_tokens": 1}}}
    yield "content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}
    for word in WORDS:
        yield "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}}
    yield "content_block_stop", {"index": 0}
    yield "message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None},
                            "usage": {"output_tokens": 40}}
    yield "message_stop", {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        sent = 0
        for event, data in self.events():
            if self.server.breaks_after is not None and sent >= self.server.breaks_after:
                return self.connection.close()
            name = f"event: {event}\n" if event else ""
            self.wfile.write(f"{name}data: {json.dumps(data)}\n\n".encode())
            self.wfile.flush()
            sent += 1
        if self.path.endswith("/chat/completions"):
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True
        return None

    def events(self):
        if self.path.endswith("/chat/completions"):
            return (("", chunk) for chunk in openai_chunks())
        source = response_events() if self.path.endswith("/responses") else message_events()
        return ((name, {"type": name, "sequence_number": number, **data})
                for number, (name, data) in enumerate(source))

    def log_message(self, *_):
        pass


class Provider:
    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.breaks_after = None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
