"""Writes what the peers of bench:neural need: ONNX files of all-MiniLM-L6-v2, and a cross-encoder of the same transformer.

usage: export_models.py MINILM_FOLDER EMBEDDER_FOLDER CROSS_ENCODER_FOLDER

No trained cross-encoder is at hand; the head on top is random (seeded), which costs the same time as a trained one.
"""

import json
import os
import shutil
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from optimum.onnxruntime import ORTModelForFeatureExtraction, ORTModelForSequenceClassification
from transformers import AutoModelForSequenceClassification

source, embedder, cross_encoder = sys.argv[1:]
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def write_tokenizer(folder, length):
    """transformers.js cuts texts at the length named here and nowhere else."""
    for name in TOKENIZER_FILES:
        shutil.copy(os.path.join(source, name), folder)
    path = os.path.join(folder, "tokenizer_config.json")
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**config, "model_max_length": length}, file, indent=1)


def move_model(folder):
    os.makedirs(os.path.join(folder, "onnx"), exist_ok=True)
    shutil.move(os.path.join(folder, "model.onnx"), os.path.join(folder, "onnx", "model.onnx"))


def export_embedder():
    ORTModelForFeatureExtraction.from_pretrained(source, export=True).save_pretrained(embedder)
    move_model(embedder)
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        shutil.copy(os.path.join(source, name), embedder)
    shutil.copytree(os.path.join(source, "1_Pooling"), os.path.join(embedder, "1_Pooling"), dirs_exist_ok=True)
    write_tokenizer(embedder, 256)


def export_cross_encoder():
    torch.manual_seed(7)
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=1)
    # The usual 0.02 would give every pair nearly the same score.
    torch.nn.init.normal_(model.classifier.weight, std=0.5)
    model.save_pretrained(cross_encoder)
    write_tokenizer(cross_encoder, 512)
    ORTModelForSequenceClassification.from_pretrained(cross_encoder, export=True).save_pretrained(cross_encoder)
    move_model(cross_encoder)


os.makedirs(embedder, exist_ok=True)
os.makedirs(cross_encoder, exist_ok=True)
export_embedder()
export_cross_encoder()
