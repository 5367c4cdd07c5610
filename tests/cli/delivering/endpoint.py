"""An HTTP endpoint for the tests: it keeps what it is sent, and answers as it is told.

    endpoint.py FILE ANSWER...

FILE gets the body of each request that was taken. An ANSWER is a status, or one of these words. The answers come one after the other,
the last of them for ever.

    flaky    half of the requests get 503; of the others, one in five is taken and its answer broken off
    broken   is taken, and its answer broken off
    silent   is taken, and not answered
    picky    400 if the body holds the line 17, 413 if it has more than 8 lines, 200 otherwise
"""

import gzip
import http.server
import random
import sys
import threading
import time

lock = threading.Lock()
answers = sys.argv[2:]


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with lock:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "flaky":
            answer = random.choice(["503"] * 5 + ["200"] * 4 + ["broken"])
        if answer == "picky":
            lines = body.splitlines()
            answer = "400" if b"17" in lines else "413" if len(lines) > 8 else "200"
        if answer in ("200", "broken", "silent"):
            with lock, open(sys.argv[1], "ab") as file:
                file.write(body)
        if answer == "silent":
            time.sleep(60)
        elif answer == "broken":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
            self.close_connection = True
        else:
            said = "; ".join(f"{self.headers.get(name)}" for name in ("Content-Type", "Authorization"))
            text = f"{answer} for {said}".encode()
            self.send_response(int(answer))
            if answer == "429":
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, *_):
        # A client that was killed is no news.
        pass


server = Server(("127.0.0.1", 0), Endpoint)
print(server.server_address[1], flush=True)
server.serve_forever()
