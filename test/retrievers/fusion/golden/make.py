"""Freezes what ranx gives for every method and normalisation on random lists, as golden.json beside this file.

Run in an environment with ranx (0.3.21 was used):  python make.py

Where ranx depends on the iteration order of a Python set (Condorcet) or differs from Rankine on purpose, this file does
not ask it; the tests say what Rankine does there. Known differences:
  - max normalisation divides a list whose best score is negative by 1e-9; Rankine refuses it (score-kind).
  - min-max, min-max-inverted and sum give every hit of a list with equal scores 0, as if none had been retrieved; Rankine gives 1, 1 and 1/n.
  - after zmuv, a sum counts a document that a list does not hold as 0, the list's mean, so that it beats half of the
    documents the list did retrieve; Rankine counts the list's lowest score.
  - Condorcet counts a pair that a list does not hold as a vote for the second document, and its comparison is not
    antisymmetric on ties, so the order depends on the order of a set; Rankine abstains, and ties keep the Borda order.
  - Borda (method and normalisation) gives a document no points in a list that does not hold it but holds a document whose id
    is the beginning of its own ("d1" and "d10"); hence ids of one length here. Rankine compares whole ids.
"""

import json
import random
from pathlib import Path

from ranx import Run, fuse
from ranx.normalization import borda_norm, max_norm, min_max_norm, rank_norm, sum_norm, zmuv_norm

NORMS = ["min-max", "min-max-inverted", "max", "sum", "zmuv", "rank", "borda"]
BY_SCORE = {"combsum": "sum", "combmin": "min", "combmax": "max", "combmed": "med", "combanz": "anz", "combmnz": "mnz"}


def normalised(runs, norm):
    if norm == "none":
        return runs
    if norm == "borda":
        return borda_norm(runs)
    one = {
        "min-max": min_max_norm,
        "min-max-inverted": lambda run: min_max_norm(run, invert=True),
        "max": max_norm,
        "sum": sum_norm,
        "zmuv": zmuv_norm,
        "rank": rank_norm,
    }[norm]
    return [one(run) for run in runs]


def as_lists(run):
    return {doc: score for doc, score in run.to_dict()["q"].items()}


def make_case(generator, sizes, pool, negative=False):
    lists = []
    for size in sizes:
        docs = generator.sample([f"d{i:02}" for i in range(pool)], size)
        # Distinct scores, so that the order within a list does not depend on a sort's stability.
        scores = sorted((round(generator.uniform(-5 if negative else 0.5, 20), 3) for _ in docs), reverse=True)
        while len(set(scores)) < len(scores):
            scores = sorted((round(generator.uniform(-5 if negative else 0.5, 20), 3) for _ in docs), reverse=True)
        lists.append(list(zip(docs, scores)))
    return lists


def fused(runs, method, params=None):
    return as_lists(fuse(runs, norm=None, method=method, params=params))


def main():
    generator = random.Random(7)
    cases = []
    for sizes, pool, complete in [([12, 12], 30, False), ([8, 15, 5], 20, False), ([10, 10, 10], 10, True), ([1, 6], 8, False)]:
        lists = make_case(generator, sizes, pool, negative=complete)
        runs = [Run({"q": dict(hits)}) for hits in lists]
        weights = [round(generator.uniform(0.1, 1), 2) for _ in lists]
        expected = []

        def add(spec, result):
            expected.append({"spec": spec, "scores": result})

        add({"method": "rrf", "k": 60}, fused(runs, "rrf", {"k": 60}))
        add({"method": "rrf", "k": 2}, fused(runs, "rrf", {"k": 2}))
        add({"method": "isr"}, fused(runs, "isr"))
        add({"method": "log-isr"}, fused(runs, "log_isr"))
        add({"method": "logn-isr", "sigma": 0.01}, fused(runs, "logn_isr", {"sigma": 0.01}))
        add({"method": "rbc", "phi": 0.8}, fused(runs, "rbc", {"phi": 0.8}))
        add({"method": "borda"}, fused(runs, "bordafuse"))
        add({"method": "borda", "weights": weights}, fused(runs, "w_bordafuse", {"weights": weights}))
        for norm in NORMS:
            # Differences on purpose, see above.
            if norm in ("min-max", "min-max-inverted", "sum") and 1 in sizes:
                continue
            if norm == "max" and complete:
                continue
            sums = norm != "zmuv" or complete
            inputs = normalised(runs, norm)
            for ours, theirs in BY_SCORE.items():
                if ours == "combsum" and not sums:
                    continue
                add({"method": ours, "norm": norm}, fused(inputs, theirs))
            add({"method": "combgmnz", "norm": norm, "gamma": 1.5}, fused(inputs, "gmnz", {"gamma": 1.5}))
            add({"method": "wmnz", "norm": norm, "weights": weights}, fused(inputs, "wmnz", {"weights": weights}))
            if sums:
                add({"method": "wsum", "norm": norm, "weights": weights}, fused(inputs, "wsum", {"weights": weights}))
        cases.append({"lists": lists, "expected": expected})
    text = json.dumps({"source": "ranx 0.3.21", "cases": cases}, separators=(",", ":"))
    Path(__file__).with_name("golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
