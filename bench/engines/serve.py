"""The engine's side of the protocol for Python: one JSON command a line in, one JSON answer a line out (see serve.mjs).

An adapter has: version, slice (queries a call: None for a batch, or 1), build(texts, analyzer) -> index,
search(index, texts, k), ids(index, answer) -> lists of document numbers; and, where it can, seconds (the parts of
the last build), tokenise(texts, analyzer), pretokenise(index, texts) and score(index, tokens, k).
"""

import gc
import json
import os
import platform
import sys
import time


def read_records(path):
    with open(path, encoding="utf-8", newline="\n") as lines:
        pairs = [line.rstrip("\n").split("\t", 1) for line in lines]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


class Server:
    def __init__(self, adapter):
        self.adapter = adapter
        self.built = None
        self.position = 0

    def hello(self, _):
        return {"version": self.adapter.version, "runtime": f"python {platform.python_version()}"}

    def load(self, command):
        self.analyzer = command["analyzer"]
        self.names, self.texts = read_records(command["corpus"])
        self.query_names, self.queries = read_records(command["queries"])
        # A small index is built, asked and thrown away: compilers are not what is measured.
        small = self.adapter.build(self.texts[:200], self.analyzer)
        self.adapter.search(small, self.queries[:1], 10)
        return {"documents": len(self.names), "queries": len(self.query_names)}

    def index(self, _):
        self.built = None
        gc.collect()
        start = time.perf_counter()
        self.built = self.adapter.build(self.texts, self.analyzer)
        total = time.perf_counter() - start
        return {"totalSeconds": total, **getattr(self.adapter, "seconds", {})}

    def tokenise(self, _):
        if not hasattr(self.adapter, "tokenise"):
            return {}
        start = time.perf_counter()
        self.adapter.tokenise(self.texts, self.analyzer)
        return {"seconds": time.perf_counter() - start}

    def release(self, _):
        self.texts = None
        gc.collect()
        return self.adapter.facts(self.built) if hasattr(self.adapter, "facts") else {}

    def slices(self, queries):
        step = self.adapter.slice or len(queries)
        return [queries[start : start + step] for start in range(0, len(queries), step)]

    def rank(self, command):
        numbers = []
        for texts in self.slices(self.queries[: command["first"]]):
            numbers.extend(self.adapter.ids(self.built, self.adapter.search(self.built, texts, command["k"])))
        with open(command["out"], "w", encoding="utf-8") as out:
            for name, hits in zip(self.query_names, numbers):
                out.write("\t".join([name, *(self.names[number] for number in hits)]) + "\n")
        return {}

    def round(self, command):
        """Whole passes until atLeast seconds are over; a slow engine stops at atMost and goes on there next time."""
        k, at_least, at_most = command["k"], command["atLeast"], command["atMost"]
        slices = self.slices(self.queries)
        sizes = [len(texts) for texts in slices]
        call = self.adapter.search
        if command.get("scoringOnly"):
            if not hasattr(self.adapter, "score"):
                return {}
            slices = [self.adapter.pretokenise(self.built, texts) for texts in slices]
            call = self.adapter.score
        count = 0
        start = time.perf_counter()
        while True:
            call(self.built, slices[self.position], k)
            count += sizes[self.position]
            self.position = (self.position + 1) % len(slices)
            elapsed = time.perf_counter() - start
            if elapsed >= at_most or (elapsed >= at_least and self.position == 0):
                return {"queries": count, "seconds": elapsed}

    def latency(self, command):
        times = [[] for _ in self.queries]
        begin = time.perf_counter()
        for _ in range(command["passes"]):
            for i, text in enumerate(self.queries):
                if time.perf_counter() - begin >= command["atMost"]:
                    break
                start = time.perf_counter()
                self.adapter.search(self.built, [text], command["k"])
                times[i].append((time.perf_counter() - start) * 1000)
        return {"milliseconds": [sorted(one)[len(one) // 2] for one in times if one]}


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
