"""tantivy through its Python package: one indexing thread, lower case, its English stop words and stemmer; k1 1.2 and b 0.75 are built in.

count=False lets it skip documents that cannot reach the top k (block-max WAND).
"""

import atexit
import re
import shutil
import tempfile
from importlib.metadata import version

import tantivy

from serve import serve

# The words AND, OR, NOT, TO and IN and most signs mean something to its query language.
SIGNS = re.compile(r"[^\w\s]|_")


class Tantivy:
    version = version("tantivy")
    slice = 1

    def __init__(self):
        self.directories = []
        atexit.register(self.clean)

    def clean(self):
        for directory in self.directories:
            shutil.rmtree(directory, ignore_errors=True)
        self.directories = []

    def build(self, texts, analyzer):
        self.analyzer = analyzer
        self.clean()
        directory = tempfile.mkdtemp(prefix="rankine-bench-tantivy-")
        self.directories.append(directory)
        builder = tantivy.SchemaBuilder()
        builder.add_text_field(
            "text",
            stored=False,
            tokenizer_name="whitespace" if analyzer == "whitespace" else "english",
            index_option="freq",
        )
        builder.add_unsigned_field("number", stored=True, indexed=False)
        index = tantivy.Index(builder.build(), path=directory)
        index.register_tokenizer(
            "english",
            tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
            .filter(tantivy.Filter.lowercase())
            .filter(tantivy.Filter.stopword("english"))
            .filter(tantivy.Filter.stemmer("english"))
            .build(),
        )
        writer = index.writer(1_500_000_000, 1)
        for number, text in enumerate(texts):
            writer.add_document(tantivy.Document(text=text, number=number))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        return index, index.searcher()

    def search(self, built, texts, k):
        index, searcher = built
        text = texts[0] if self.analyzer == "whitespace" else SIGNS.sub(" ", texts[0]).lower()
        return [searcher.search(index.parse_query(text, ["text"]), k, count=False).hits]

    def facts(self, built):
        return {"segments": built[1].num_segments}

    def ids(self, built, answers):
        return [[built[1].doc(address)["number"][0] for _, address in hits] for hits in answers]


serve(Tantivy())
