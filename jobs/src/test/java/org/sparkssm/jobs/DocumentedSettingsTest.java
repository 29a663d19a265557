package org.sparkssm.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** deploy/spark-defaults.conf explains the settings that the code reads, and no others. */
class DocumentedSettingsTest {
  private static final Pattern LITERAL = Pattern.compile("\"(spark\\.ssm(?:\\.\\w+)+)\"");
  private static final Pattern MENTION = Pattern.compile("\\b(spark\\.ssm(?:\\.[a-zA-Z]\\w*)+)");

  @Test
  void everySettingIsExplainedAndEveryExplainedSettingExists() throws IOException {
    Set<String> read = new TreeSet<>();
    for (String module : new String[] {"pipeline", "udfs", "jobs"}) {
      read.addAll(found(LITERAL, Launcher.ROOT.resolve(module).resolve("src/main/java"), ".java"));
    }
    assertFalse(read.isEmpty());
    Path defaults = Launcher.ROOT.resolve("deploy/spark-defaults.conf");
    assertEquals(read, found(MENTION, defaults, ".conf"));
  }

  @Test
  void pagesNameOnlySettingsThatExist() throws IOException {
    Set<String> explained =
        found(MENTION, Launcher.ROOT.resolve("deploy/spark-defaults.conf"), ".conf");
    for (String place : new String[] {"deploy", "notebooks", "README.md", "jobs/README.md"}) {
      for (String end : new String[] {".md", ".conf", ".zpln"}) {
        Set<String> unknown = found(MENTION, Launcher.ROOT.resolve(place), end);
        unknown.removeAll(explained);
        assertEquals(Set.of(), unknown, place);
      }
    }
  }

  private static Set<String> found(Pattern pattern, Path place, String end) throws IOException {
    Set<String> keys = new TreeSet<>();
    try (Stream<Path> files = Files.walk(place)) {
      for (Path file : files.filter(path -> path.toString().endsWith(end)).toList()) {
        Matcher matcher = pattern.matcher(Files.readString(file));
        while (matcher.find()) {
          keys.add(matcher.group(1));
        }
      }
    }
    return keys;
  }
}
