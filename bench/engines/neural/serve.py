"""The engine's side of the neural protocol for Python: one JSON command a line in, one JSON answer a line out (see serve.mjs).

An adapter has: version, load(options) -> model, run(model, set) -> a matrix of vectors, or a list of scores.
"""

import json
import os
import platform
import sys
import time


def beginning(one, count):
    if "texts" in one:
        return {"texts": one["texts"][:count]}
    return {"groups": [{**group, "documents": group["documents"][:count]} for group in one["groups"][:1]]}


class Server:
    def __init__(self, adapter):
        self.adapter = adapter
        self.sets = {}
        self.model = None

    def hello(self, _):
        return {"version": self.adapter.version, "runtime": f"python {platform.python_version()}"}

    def load(self, options):
        self.model = self.adapter.load(options)
        return {}

    def set(self, command):
        with open(command["file"], encoding="utf-8") as file:
            self.sets[command["name"]] = json.load(file)
        return {}

    def warm(self, command):
        self.adapter.run(self.model, beginning(self.sets[command["name"]], command["count"]))
        return {}

    def round(self, command):
        one = self.sets[command["name"]]
        start = time.perf_counter()
        self.adapter.run(self.model, one)
        return {"seconds": time.perf_counter() - start}

    def output(self, command):
        import numpy

        values = numpy.asarray(self.adapter.run(self.model, self.sets[command["name"]]), dtype=numpy.float32)
        values.tofile(command["out"])
        return {"rows": len(values), "numbers": int(values.size)}


def serve(adapter):
    # Libraries print to standard output too: the answers get a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = Server(adapter)
    for line in sys.stdin:
        command = json.loads(line)
        if command["op"] == "quit":
            break
        try:
            answer = {"ok": True, **getattr(server, command["op"])(command)}
        except Exception as error:  # the runner shows it in the table
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
