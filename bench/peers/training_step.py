"""LoRA training steps on torch + PEFT, for bench/training-step.mjs: one JSON command a line in, one JSON answer a line out.

load: {folder, kind: "encoder" | "decoder", rows, length, targets: "all" | "attention", rank, threads, dropout, checkpointing}
step: a whole step (forward, backward, AdamW); {seconds, loss, norm}. Tokens, labels and the first adapter follow from formulas that
bench/engines/training/rankine.mjs has too, so that both compute the same numbers.
"""

import json
import math
import os
import platform
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import peft
import torch
import transformers

ENCODER_LAYERS = r".*encoder\.layer\..*\."


def targets_of(kind, targets):
    if kind == "encoder":
        return ENCODER_LAYERS + ("(query|value)" if targets == "attention" else "(query|key|value|dense)")
    return ["q_proj", "v_proj"] if targets == "attention" else "all-linear"


def wave(parameter, size, speed):
    """The numbers of a first adapter: small, and no two layers' gradients alike."""
    count = torch.arange(parameter.numel(), dtype=torch.float64)
    return (size * torch.sin(speed * count + 1)).float().reshape(parameter.shape)


class Trainer:
    def hello(self, _):
        version = f"torch {torch.__version__.split('+')[0]}, PEFT {peft.__version__}, transformers {transformers.__version__}"
        return {"version": version, "runtime": f"python {platform.python_version()}"}

    def load(self, options):
        torch.set_num_threads(options["threads"])
        torch.manual_seed(0)
        self.kind = options["kind"]
        encoder = self.kind == "encoder"
        config = transformers.AutoConfig.from_pretrained(options["folder"])
        if not options["dropout"]:
            for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout"):
                if hasattr(config, name):
                    setattr(config, name, 0.0)
        family = transformers.AutoModelForSequenceClassification if encoder else transformers.AutoModelForCausalLM
        model = family.from_pretrained(options["folder"], config=config, dtype=torch.float32)
        lora = peft.LoraConfig(
            r=options["rank"],
            lora_alpha=2 * options["rank"],
            lora_dropout=0.0,
            target_modules=targets_of(self.kind, options["targets"]),
            task_type=None if encoder else "CAUSAL_LM",
        )
        if options["checkpointing"]:
            model.gradient_checkpointing_enable({"use_reentrant": False})
            model.config.use_cache = False
        self.model = peft.get_peft_model(model, lora)
        self.model.train()
        self.parameters = {name: each for name, each in self.model.named_parameters() if each.requires_grad}
        with torch.no_grad():
            for name, each in self.parameters.items():
                each.copy_(wave(each, 0.02, 0.37) if "lora_A" in name else wave(each, 0.01, 0.23))
        self.optimizer = torch.optim.AdamW(self.parameters.values(), lr=1e-4)
        rows, length = options["rows"], options["length"]
        count = torch.arange(rows * length)
        ids = 1000 + (count * 7919 + 13 * ((count * count) % 1009)) % (config.vocab_size - 1010)
        self.ids = ids.reshape(rows, length)
        self.mask = torch.ones_like(self.ids)
        self.wanted = (torch.arange(rows) % 2).float()
        return {"modules": sum("lora_A" in name for name in self.parameters)}

    def loss(self):
        if self.kind == "encoder":
            logits = self.model(input_ids=self.ids, attention_mask=self.mask).logits
            return torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], self.wanted)
        # The last token is predicted from the one before it; no other logits are made.
        logits = self.model(input_ids=self.ids, attention_mask=self.mask, logits_to_keep=2).logits
        return torch.nn.functional.cross_entropy(logits[:, 0], self.ids[:, -1])

    def step(self, _):
        start = time.perf_counter()
        loss = self.loss()
        loss.backward()
        gradients = [each.grad for each in self.parameters.values()]
        self.optimizer.step()
        self.optimizer.zero_grad()
        seconds = time.perf_counter() - start
        norm = math.sqrt(sum(float((each.double() ** 2).sum()) for each in gradients))
        return {"seconds": seconds, "loss": float(loss.detach()), "norm": norm}


def main():
    # Libraries print to standard output too: the answers get a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    trainer = Trainer()
    for line in sys.stdin:
        command = json.loads(line)
        if command["op"] == "quit":
            break
        try:
            answer = {"ok": True, **getattr(trainer, command["op"])(command)}
        except Exception as error:  # the runner shows it in the table
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
