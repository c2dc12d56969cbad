"""bm25s with its numba back end: scores precomputed for every posting, one thread, its own stop words, Snowball English."""

import time

import bm25s
import numpy
import Stemmer

from serve import serve


class Bm25s:
    version = bm25s.__version__
    slice = None

    def __init__(self):
        self.stemmer = Stemmer.Stemmer("english")
        self.seconds = {}
        self.analyzer = "english"

    def tokens(self, texts, analyzer):
        if analyzer == "whitespace":
            return bm25s.tokenize(texts, lower=False, token_pattern=r"\S+", stopwords=None, show_progress=False)
        return bm25s.tokenize(texts, stopwords="en", stemmer=self.stemmer, show_progress=False)

    def build(self, texts, analyzer):
        self.analyzer = analyzer
        start = time.perf_counter()
        tokens = self.tokens(texts, analyzer)
        middle = time.perf_counter()
        index = bm25s.BM25(method="lucene", k1=0.9, b=0.4, backend="numba")
        index.index(tokens, show_progress=False)
        end = time.perf_counter()
        self.seconds = {"tokeniseSeconds": middle - start, "indexSeconds": end - middle}
        return index

    def search(self, index, texts, k):
        return self.score(index, self.tokens(texts, self.analyzer), k)

    def pretokenise(self, _, texts):
        return self.tokens(texts, self.analyzer)

    def score(self, index, tokens, k):
        # It refuses a k beyond the collection.
        k = min(k, index.scores["num_docs"])
        return index.retrieve(tokens, k=k, show_progress=False, n_threads=1)

    def ids(self, _, results):
        # It fills up to k with documents that have no term of the query: their score is 0.
        return [
            numbers[scores > 0].tolist()
            for numbers, scores in zip(numpy.asarray(results.documents), numpy.asarray(results.scores))
        ]

    def facts(self, index):
        arrays = [index.scores[name] for name in ("data", "indices", "indptr")]
        return {"postings": len(arrays[0]), "bytes": sum(array.nbytes for array in arrays)}


serve(Bm25s())
