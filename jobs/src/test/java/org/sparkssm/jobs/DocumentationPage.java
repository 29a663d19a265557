package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A Markdown page whose {@code bash} and {@code sql} blocks can be run, in order, in one shell at
 * the root of the project. A block after a comment {@code <!-- not run: REASON -->} is left out.
 *
 * @param file the page
 */
record DocumentationPage(Path file) {
  private static final Pattern BLOCK =
      Pattern.compile(
          "(?:<!-- not run: (?<reason>[^>]+) -->\\n)?^```(?<language>bash|sql)\\n(?<text>.*?)^```$",
          Pattern.MULTILINE | Pattern.DOTALL);

  /** A block that is run. */
  private record Block(String language, String text) {}

  /** All pages of the project that have blocks to run, by path from the root. */
  static List<DocumentationPage> all() throws IOException {
    try (Stream<Path> files = Files.walk(Launcher.ROOT)) {
      return files
          .filter(file -> file.toString().endsWith(".md"))
          .filter(file -> !Launcher.ROOT.relativize(file).toString().contains("target/"))
          .sorted()
          .map(DocumentationPage::new)
          .filter(page -> !page.blocks().isEmpty())
          .toList();
    }
  }

  /** A page, named by its path from the root. */
  static DocumentationPage of(String path) {
    return new DocumentationPage(Launcher.ROOT.resolve(path));
  }

  /**
   * Runs the blocks; the first command that fails ends the page.
   *
   * @param cluster stands for {@code spark://host:7077} and {@code /opt/spark}
   * @param scratch stands for {@code /tmp}
   */
  Launcher.Result run(StandaloneCluster cluster, Path scratch) throws IOException {
    List<Block> blocks = blocks();
    assertFalse(blocks.isEmpty(), this + " has no block to run");
    StringBuilder script =
        new StringBuilder("set -euo pipefail\nunset SPARK_HOME\ncd '" + Launcher.ROOT + "'\n");
    for (int k = 0; k < blocks.size(); k++) {
      String text = adapt(blocks.get(k).text, cluster, scratch);
      if (blocks.get(k).language.equals("sql")) {
        Path sql = Files.writeString(scratch.resolve("block-" + k + ".sql"), text);
        text = sparkSql(cluster, sql);
      }
      script.append(text);
    }
    Path file = Files.writeString(scratch.resolve("blocks.sh"), script);
    return Launcher.script(Map.of("SPARK_LOCAL_IP", "127.0.0.1"), file.toString());
  }

  private static String sparkSql(StandaloneCluster cluster, Path sql) {
    return "'%s/bin/spark-sql' --master 'local[2]' --jars jobs/target/spark-ssm-jobs.jar"
            .formatted(cluster.home())
        + " --conf spark.sql.extensions=org.sparkssm.sql.SparkSsmExtensions"
        + " --conf spark.sql.catalogImplementation=in-memory -f '%s'\n".formatted(sql);
  }

  private static String adapt(String text, StandaloneCluster cluster, Path scratch) {
    return text.replaceAll("/opt/spark(?!-)", Matcher.quoteReplacement(cluster.home().toString()))
        .replace("spark://host:7077", cluster.master())
        .replace("/tmp/", scratch + "/");
  }

  private List<Block> blocks() {
    String text;
    try {
      text = Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(file + " cannot be read", e);
    }
    List<Block> blocks = new ArrayList<>();
    Matcher matcher = BLOCK.matcher(text);
    while (matcher.find()) {
      if (matcher.group("reason") == null) {
        blocks.add(new Block(matcher.group("language"), matcher.group("text")));
      }
    }
    return blocks;
  }

  @Override
  public String toString() {
    return Launcher.ROOT.relativize(file).toString();
  }
}
