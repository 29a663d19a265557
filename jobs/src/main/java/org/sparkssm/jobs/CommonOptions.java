package org.sparkssm.jobs;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/** The options that every command has. */
final class CommonOptions {
  @Option(
      names = "--master",
      paramLabel = "URL",
      description =
          "Spark master; default: what spark-submit says, else local[*] inside this process.")
  String master;

  @Option(names = "--verbose", description = "Show details, and stack traces of failures.")
  boolean verbose;

  @Option(names = "--overwrite", description = "Replace an output that exists.")
  boolean overwrite;

  @Option(
      names = "--conf",
      paramLabel = "KEY=VALUE",
      description = "A Spark setting; may be given several times.")
  Map<String, String> conf = new LinkedHashMap<>();

  @Option(
      names = "--summary",
      paramLabel = "PATH",
      description = "Also write the JSON summary to this file.")
  String summary;
}
