package org.sparkssm.sql;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.sparkssm.testing.SharedSpark;

/** The examples of udfs/README.md are true. */
class ReadmeExamplesIT {
  private static final SparkSession SPARK = ExtendedSpark.session();

  @BeforeEach
  void extendedSession() {
    SparkSession.setActiveSession(SPARK);
  }

  @AfterEach
  void backToTheSharedSession() {
    SPARK.catalog().dropTempView("points");
    SparkSession.setActiveSession(SharedSpark.session());
  }

  @Test
  void everyQueryGivesTheResultBelowIt() throws IOException {
    Matcher blocks =
        Pattern.compile("```sql\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("README.md")));
    int compared = 0;
    while (blocks.find()) {
      List<String> statement = new ArrayList<>();
      List<String> expected = new ArrayList<>();
      for (String line : (blocks.group(1) + ";").lines().toList()) {
        if (line.startsWith("-- ")) {
          expected.add(line.substring(3));
          continue;
        }
        if (!expected.isEmpty()) {
          compared += check(statement, expected);
        }
        statement.add(line);
      }
    }
    assertTrue(compared > 8, "compared " + compared);
  }

  @Test
  void everyFunctionIsInTheTable() throws IOException {
    String page = Files.readString(Path.of("README.md"));
    for (SqlFunction function : SparkSsmFunctions.all()) {
      assertTrue(page.contains("`" + function.name()), function.name());
    }
  }

  @Test
  void temporaryViewsMayUseTheFunctionsAndPersistentOnesMayNot() {
    SPARK.sql("CREATE OR REPLACE TEMPORARY VIEW points AS SELECT path_cumsum(array(1D, 2D), 1) x");
    assertEquals(3.0, SPARK.sql("SELECT x[1] FROM points").first().getDouble(0));
    assertThrows(
        AnalysisException.class,
        () -> SPARK.sql("CREATE VIEW persistent AS SELECT path_cumsum(array(1D, 2D), 1) x"));
  }

  /** Runs what was read so far: statements ended by semicolons, the last with a result. */
  private static int check(List<String> lines, List<String> expected) {
    String[] statements = String.join("\n", lines).split(";", -1);
    List<String> queries =
        Arrays.stream(statements).map(String::strip).filter(text -> !text.isEmpty()).toList();
    Dataset<Row> result = null;
    for (String query : queries) {
      result = SPARK.sql(query);
    }
    Dataset<Row> shown = result.toDF(names(result.columns().length));
    for (String name : shown.columns()) {
      shown = shown.withColumn(name, functions.expr("to_json(array(" + name + "))"));
    }
    List<String> found = shown.collectAsList().stream().map(ReadmeExamplesIT::text).toList();
    assertEquals(expected, found, queries::toString);
    lines.clear();
    expected.clear();
    return 1;
  }

  private static String[] names(int count) {
    String[] names = new String[count];
    Arrays.setAll(names, i -> "c" + i);
    return names;
  }

  /** Each column as JSON, which stands in brackets because only arrays and structs have it. */
  private static String text(Row row) {
    List<String> columns = new ArrayList<>();
    for (int i = 0; i < row.size(); i++) {
      columns.add(row.getString(i).replaceAll("^\\[|\\]$", ""));
    }
    return String.join(" ", columns);
  }
}
