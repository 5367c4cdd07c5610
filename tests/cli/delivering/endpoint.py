"""An HTTP endpoint for the tests: it keeps what it is sent, and answers as it is told.

    endpoint.py FILE ANSWER...

FILE gets the body of each request that was taken. An ANSWER is a status, or one of these words. The answers come one after the other,
the last of them for ever.

    flaky    half of the requests get 503; of the others, one in five is taken and its answer broken off
    broken   is taken, and its answer broken off
    silent   is taken, and not answered
    picky    400 if the body holds the line 17, 413 if it has more than 8 lines, 200 otherwise
    choking  500 with `Retry-After: 1` if the body holds the line 17, 200 otherwise
    closing  200, and the connection is closed without a word before
    early    413, before any of the body is read, if it has more than 3 MB; the connection is closed at once
    gone     the connection is closed without an answer
    hinting  103 and 100 before the 200
    switching  101
    endless  200, and more of a body than anyone wants
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
        length = int(self.headers["Content-Length"])
        if answers[0] == "early" and length > 3_000_000:
            self.wfile.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        with lock:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "flaky":
            answer = random.choice(["503"] * 5 + ["200"] * 4 + ["broken"])
        if answer == "picky":
            lines = body.splitlines()
            answer = "400" if b"17" in lines else "413" if len(lines) > 8 else "200"
        if answer == "choking":
            answer = "500" if b"17" in body.splitlines() else "200"
        if answer in ("200", "broken", "silent", "closing", "early", "hinting", "endless"):
            with lock, open(sys.argv[1], "ab") as file:
                file.write(body)
        if answer == "silent":
            time.sleep(60)
        elif answer == "broken":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
            self.close_connection = True
        elif answer == "gone":
            self.close_connection = True
        elif answer == "switching":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n")
            self.close_connection = True
        elif answer == "endless":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
            while True:
                self.wfile.write(b"x" * 65536)
        elif answer in ("closing", "early", "hinting"):
            if answer == "hinting":
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.close_connection = answer == "closing"
        else:
            said = "; ".join(f"{self.headers.get(name)}" for name in ("Content-Type", "Authorization"))
            said += "".join(f"; {tag}" for tag in self.headers.get_all("X-Tag", []))
            text = f"{answer} for {said}".encode()
            self.send_response(int(answer))
            if answer in ("429", "500"):
                self.send_header("Retry-After", "1")
            if answer.startswith("3"):
                self.send_header("Location", "/elsewhere?token=secret")
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
