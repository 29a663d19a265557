package org.sparkssm.jobs;

import java.lang.management.ManagementFactory;
import java.util.List;

/** Options of this JVM that its children need too. */
final class JvmOptions {
  private JvmOptions() {}

  /** What Spark needs of a JDK. */
  static List<String> ofSpark() {
    return ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(
            argument ->
                argument.startsWith("--add-opens")
                    || argument.startsWith("-XX:+Ignore")
                    || argument.startsWith("-Djdk.reflect")
                    || argument.startsWith("-Dio.netty"))
        .toList();
  }
}
