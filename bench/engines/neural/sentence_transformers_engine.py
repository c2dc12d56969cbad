"""sentence-transformers: encode and predict with everything in one call, which it sorts and batches (32) itself."""

import os

# Everything is on this machine: no look at a hub may count as loading.
os.environ["HF_HUB_OFFLINE"] = "1"

import sentence_transformers
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer

from serve import serve


class Adapter:
    version = sentence_transformers.__version__

    def load(self, options):
        threads = options["threads"]
        torch.set_num_threads(threads)
        folder = options["folder"]
        settings = {"device": "cpu"}
        if options["backend"] == "onnx":
            import onnxruntime

            session = onnxruntime.SessionOptions()
            session.intra_op_num_threads = threads
            folder = options["onnxFolder"]
            settings["backend"] = "onnx"
            settings["model_kwargs"] = {
                "file_name": "onnx/model.onnx",
                "provider": "CPUExecutionProvider",
                "session_options": session,
            }
        if options["task"] == "embed":
            model = SentenceTransformer(folder, **settings)
            model.max_seq_length = options["maxLength"]
            return model
        return CrossEncoder(folder, max_length=options["maxLength"], **settings)

    def run(self, model, one):
        if "texts" in one:
            return model.encode(one["texts"], batch_size=32, show_progress_bar=False)
        pairs = [(group["query"], document) for group in one["groups"] for document in group["documents"]]
        return model.predict(pairs, batch_size=32, show_progress_bar=False)


serve(Adapter())
