"""FlashRank over the exported model: it pads all passages of a query to the longest and runs them in one forward.

Its own models are downloads. It loads what lies in a folder of a known name, so the exported model is linked into such a folder.
"""

import importlib.metadata
import os
import shutil
import tempfile

import onnxruntime
from flashrank import Ranker, RerankRequest
from flashrank.Config import model_file_map

from serve import serve

NAME = "ms-marco-TinyBERT-L-2-v2"


class Adapter:
    version = importlib.metadata.version("FlashRank")

    def load(self, options):
        source = options["onnxFolder"]
        with tempfile.TemporaryDirectory() as cache:
            folder = os.path.join(cache, NAME)
            os.mkdir(folder)
            for file in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
                shutil.copy(os.path.join(source, file), folder)
            os.symlink(os.path.join(source, "onnx", "model.onnx"), os.path.join(folder, model_file_map[NAME]))
            ranker = Ranker(model_name=NAME, cache_dir=cache, max_length=options["maxLength"])
            # It leaves the number of threads to ONNX Runtime, which takes every core.
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads = options["threads"]
            ranker.session = onnxruntime.InferenceSession(os.path.join(folder, model_file_map[NAME]), settings)
        return ranker

    def run(self, ranker, one):
        scores = []
        for group in one["groups"]:
            passages = [{"id": number, "text": text} for number, text in enumerate(group["documents"])]
            found = ranker.rerank(RerankRequest(query=group["query"], passages=passages))
            by_number = {hit["id"]: float(hit["score"]) for hit in found}
            scores.extend(by_number[number] for number in range(len(passages)))
        return scores


serve(Adapter())
