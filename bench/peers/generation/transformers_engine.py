"""transformers on torch: the weights of the same GGUF file as float32 (or bfloat16), with its own KV cache."""

import json
import sys
import time


def load(options):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(options["threads"])
    torch.set_num_interop_threads(1)
    dtype = getattr(torch, options.get("dtype", "float32"))
    model = AutoModelForCausalLM.from_pretrained(options["file"], dtype=dtype)
    model.eval()
    return torch, model


class Engine:
    def hello(self, _):
        import torch
        import transformers

        return {"version": f"{torch.__version__} with transformers {transformers.__version__}", "runtime": f"python {sys.version.split()[0]}"}

    def load(self, options):
        started = time.perf_counter()
        self.torch, self.model = load(options)
        return {"seconds": time.perf_counter() - started, "device": "cpu"}

    def round(self, command):
        """Rows of one length, greedily: the first forward reads them all, then one token of each at a time."""
        torch = self.torch
        with open(command["file"], encoding="utf8") as file:
            rows = json.load(file)[command["name"]]
        with torch.inference_mode():
            started = time.perf_counter()
            ids = torch.tensor(rows)
            output = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
            token = output.logits[:, -1].argmax(-1)
            token.tolist()
            first = time.perf_counter()
            for _ in range(command["count"] - 1):
                output = self.model(input_ids=token[:, None], past_key_values=output.past_key_values, use_cache=True)
                token = output.logits[:, -1].argmax(-1)
                token.tolist()
            ended = time.perf_counter()
        return {
            "firstSeconds": first - started,
            "restSeconds": ended - first,
            "promptTokens": sum(len(row) for row in rows),
            "written": [command["count"]] * len(rows),
        }

    def collect(self, _):
        return {}


def main():
    engine = Engine()
    for line in sys.stdin:
        command = json.loads(line)
        if command["op"] == "quit":
            break
        try:
            answer = {"ok": True, **getattr(engine, command["op"])(command)}
        except Exception as error:  # told to the benchmark, which goes on without this engine
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
