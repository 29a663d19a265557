package org.sparkssm.jobs;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.Configurator;

/** Keeps Spark's log to warnings on standard error, unless the user configured logging. */
final class Logging {
  private static final String RESOURCE = "/log4j2.properties";
  private static final String SPARK_DEFAULT = "org/apache/spark/log4j2-defaults";

  private Logging() {}

  /** Replaces Spark's default configuration (but no other) by ours. */
  static void configure() {
    URL own = Logging.class.getResource(RESOURCE);
    if (own == null || isConfiguredByUser()) {
      return;
    }
    try {
      URI location = own.toURI();
      Configurator.reconfigure(location);
    } catch (URISyntaxException e) {
      throw new IllegalStateException("the logging configuration has an impossible place", e);
    }
  }

  /** Shows what this library does in detail. */
  static void verbose() {
    Configurator.setLevel("org.sparkssm", Level.DEBUG);
  }

  private static boolean isConfiguredByUser() {
    if (System.getProperty("log4j2.configurationFile") != null
        || System.getProperty("log4j.configurationFile") != null) {
      return true;
    }
    String location =
        LoggerContext.getContext(false).getConfiguration().getConfigurationSource().getLocation();
    return location != null && !location.contains(SPARK_DEFAULT);
  }
}
