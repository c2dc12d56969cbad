import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.core.WhitespaceAnalyzer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.SerialMergeScheduler;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.MMapDirectory;
import org.apache.lucene.util.Version;

/**
 * Lucene as an engine of the benchmark (the protocol is described in engines/serve.mjs): k1 0.9, b 0.4, EnglishAnalyzer or whitespace,
 * one thread, merged to one segment, memory-mapped. Documents are numbered in the order of the file, so that hits need no stored field.
 */
public final class LuceneEngine {
  private static final String FIELD = "text";
  private static final BM25Similarity SIMILARITY = new BM25Similarity(0.9f, 0.4f);

  private Analyzer analyzer;
  private List<String[]> documents = List.of();
  private String[] names;
  private List<String[]> queries;
  private Path folder;
  private IndexSearcher searcher;
  private int position;

  public static void main(String[] arguments) throws Exception {
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err);
    IndexSearcher.setMaxClauseCount(1 << 20);
    LuceneEngine engine = new LuceneEngine();
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = commands.readLine()) != null; ) {
      String operation = text(line, "op");
      if (operation.equals("quit")) break;
      try {
        String fields = engine.answer(operation, line);
        answers.println("{\"ok\":true" + (fields.isEmpty() ? "" : "," + fields) + "}");
      } catch (Exception | OutOfMemoryError error) {
        answers.println("{\"ok\":false,\"error\":\"" + error.toString().replaceAll("[^ -~]|[\"\\\\]", " ") + "\"}");
      }
    }
    engine.close();
    System.exit(0);
  }

  private String answer(String operation, String line) throws IOException {
    return switch (operation) {
      case "hello" -> "\"version\":\"" + Version.LATEST + "\",\"runtime\":\"java " + Runtime.version().feature() + "\"";
      case "load" -> load(line);
      case "index" -> index();
      case "tokenise" -> tokenise();
      case "release" -> release();
      case "rank" -> rank(Path.of(text(line, "out")), (int) number(line, "k"), (int) number(line, "first"));
      case "round" -> line.contains("scoringOnly") ? "" : round((int) number(line, "k"), number(line, "atLeast"), number(line, "atMost"));
      case "latency" -> latency((int) number(line, "k"), (int) number(line, "passes"), number(line, "atMost"));
      default -> throw new IllegalArgumentException("unknown operation " + operation);
    };
  }

  private String load(String line) throws IOException {
    analyzer = text(line, "analyzer").equals("whitespace") ? new WhitespaceAnalyzer() : new EnglishAnalyzer();
    folder = Path.of(text(line, "scratch"));
    documents = records(Path.of(text(line, "corpus")));
    queries = records(Path.of(text(line, "queries")));
    names = documents.stream().map(record -> record[0]).toArray(String[]::new);
    build(documents.subList(0, Math.min(200, documents.size())));
    return "\"documents\":" + documents.size() + ",\"queries\":" + queries.size();
  }

  private void build(List<String[]> records) throws IOException {
    close();
    Files.createDirectories(folder);
    Directory directory = new MMapDirectory(folder);
    FieldType type = new FieldType(TextField.TYPE_NOT_STORED);
    type.setIndexOptions(IndexOptions.DOCS_AND_FREQS);
    type.freeze();
    IndexWriterConfig configuration =
        new IndexWriterConfig(analyzer)
            .setSimilarity(SIMILARITY)
            .setRAMBufferSizeMB(1024)
            .setMergeScheduler(new SerialMergeScheduler());
    try (IndexWriter writer = new IndexWriter(directory, configuration)) {
      Field field = new Field(FIELD, "", type);
      Document document = new Document();
      document.add(field);
      for (String[] record : records) {
        field.setStringValue(record[1]);
        writer.addDocument(document);
      }
      writer.forceMerge(1);
    }
    searcher = new IndexSearcher(DirectoryReader.open(directory));
    searcher.setSimilarity(SIMILARITY);
    searcher.setQueryCache(null);
  }

  private String index() throws IOException {
    long start = System.nanoTime();
    build(documents);
    return "\"totalSeconds\":" + seconds(start);
  }

  private String tokenise() throws IOException {
    long start = System.nanoTime();
    long tokens = 0;
    for (String[] record : documents) {
      try (TokenStream stream = analyzer.tokenStream(FIELD, new StringReader(record[1]))) {
        stream.reset();
        while (stream.incrementToken()) tokens++;
        stream.end();
      }
    }
    return "\"seconds\":" + seconds(start) + ",\"tokens\":" + tokens;
  }

  private String release() throws IOException {
    documents = List.of();
    System.gc();
    long postings = 0;
    long bytes = 0;
    for (var leaf : searcher.getIndexReader().leaves()) postings += leaf.reader().terms(FIELD).getSumDocFreq();
    try (var files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) bytes += Files.size(file);
    }
    return "\"postings\":" + postings + ",\"bytes\":" + bytes;
  }

  private Query parse(String text) throws IOException {
    Map<String, Integer> counts = new LinkedHashMap<>();
    try (TokenStream stream = analyzer.tokenStream(FIELD, text)) {
      CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
      stream.reset();
      while (stream.incrementToken()) counts.merge(term.toString(), 1, Integer::sum);
      stream.end();
    }
    BooleanQuery.Builder builder = new BooleanQuery.Builder();
    counts.forEach(
        (term, count) -> {
          Query query = new TermQuery(new Term(FIELD, term));
          builder.add(count > 1 ? new BoostQuery(query, count) : query, BooleanClause.Occur.SHOULD);
        });
    return builder.build();
  }

  private ScoreDoc[] search(String text, int k) throws IOException {
    return searcher.search(parse(text), k).scoreDocs;
  }

  private String rank(Path out, int k, int first) throws IOException {
    try (PrintWriter writer = new PrintWriter(Files.newBufferedWriter(out))) {
      for (String[] query : queries.subList(0, Math.min(first, queries.size()))) {
        StringJoiner joiner = new StringJoiner("\t");
        joiner.add(query[0]);
        for (ScoreDoc hit : search(query[1], k)) joiner.add(names[hit.doc]);
        writer.print(joiner + "\n");
      }
    }
    return "";
  }

  private String round(int k, double atLeast, double atMost) throws IOException {
    long start = System.nanoTime();
    long count = 0;
    double elapsed;
    do {
      search(queries.get(position)[1], k);
      count++;
      position = (position + 1) % queries.size();
      elapsed = seconds(start);
    } while (elapsed < atMost && (elapsed < atLeast || position != 0));
    return "\"queries\":" + count + ",\"seconds\":" + elapsed;
  }

  private String latency(int k, int passes, double atMost) throws IOException {
    List<List<Double>> times = new ArrayList<>();
    for (int i = 0; i < queries.size(); i++) times.add(new ArrayList<>());
    long begin = System.nanoTime();
    for (int pass = 0; pass < passes; pass++) {
      for (int i = 0; i < queries.size() && seconds(begin) < atMost; i++) {
        long start = System.nanoTime();
        search(queries.get(i)[1], k);
        times.get(i).add(seconds(start) * 1000);
      }
    }
    StringJoiner joiner = new StringJoiner(",");
    for (List<Double> list : times) {
      if (list.isEmpty()) continue;
      double[] sorted = list.stream().mapToDouble(Double::doubleValue).toArray();
      Arrays.sort(sorted);
      joiner.add(String.format(Locale.ROOT, "%.5f", sorted[sorted.length / 2]));
    }
    return "\"milliseconds\":[" + joiner + "]";
  }

  private void close() throws IOException {
    if (searcher != null) searcher.getIndexReader().close();
    searcher = null;
    if (folder == null || !Files.isDirectory(folder)) return;
    try (var files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) Files.delete(file);
    }
    Files.delete(folder);
  }

  private static List<String[]> records(Path file) throws IOException {
    List<String[]> records = new ArrayList<>();
    try (BufferedReader reader = Files.newBufferedReader(file)) {
      for (String line; (line = reader.readLine()) != null; ) records.add(line.split("\t", 2));
    }
    return records;
  }

  private static double seconds(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  /** A string of a flat JSON object; commands hold paths, names and numbers only. */
  private static String text(String json, String key) {
    Matcher matcher = Pattern.compile("\"" + key + "\":\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
    if (!matcher.find()) throw new IllegalArgumentException("no " + key + " in " + json);
    return matcher.group(1).replaceAll("\\\\(.)", "$1");
  }

  private static double number(String json, String key) {
    Matcher matcher = Pattern.compile("\"" + key + "\":([-+.\\deE]+)").matcher(json);
    if (!matcher.find()) throw new IllegalArgumentException("no " + key + " in " + json);
    return Double.parseDouble(matcher.group(1));
  }
}
