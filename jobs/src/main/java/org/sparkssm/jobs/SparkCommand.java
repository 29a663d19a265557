package org.sparkssm.jobs;

import java.io.IOException;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/**
 * A command that runs on Spark: a session of its own, or the one that the JVM already has.
 *
 * <p>Without {@code --master} and outside spark-submit, Spark runs inside this process on all cores
 * ({@code local[*]}), without its web page.
 */
abstract class SparkCommand extends JobCommand {
  private static final String MASTER = "spark.master";
  private static final String EXTENSIONS = "spark.sql.extensions";
  private static final String OWN_EXTENSION = "org.sparkssm.sql.SparkSsmExtensions";

  private Configuration hadoopConfiguration = new Configuration();
  private Progress progress;

  /** What shows how the work goes. */
  protected final Progress progress() {
    return progress;
  }

  /** One line that says what {@link #run} will do; options are checked here. */
  protected abstract String plan();

  /**
   * Does the work.
   *
   * @return what the summary says besides {@code command} and {@code seconds}, in order
   */
  protected abstract Map<String, Object> run(SparkSession spark) throws IOException;

  @Override
  protected final Map<String, Object> execute() throws IOException {
    String description = "spark-ssm " + name() + ": " + plan();
    tell(description);
    boolean borrowed = SparkSession.getDefaultSession().isDefined();
    SparkSession spark = SparkSession.builder().config(configuration()).getOrCreate();
    hadoopConfiguration = spark.sparkContext().hadoopConfiguration();
    spark.sparkContext().setJobDescription(description);
    try (Progress shown = Progress.show(spark.sparkContext(), name(), error())) {
      progress = shown;
      return run(spark);
    } finally {
      spark.sparkContext().setJobDescription(null);
      if (!borrowed) {
        spark.stop();
      }
    }
  }

  @Override
  protected final Configuration hadoopConfiguration() {
    return hadoopConfiguration;
  }

  private SparkConf configuration() {
    SparkConf configuration = new SparkConf();
    boolean embedded = common().master == null && !configuration.contains(MASTER);
    if (common().master != null) {
      configuration.setMaster(common().master);
    } else if (embedded) {
      configuration.setMaster("local[*]");
    }
    if (configuration.get(MASTER).startsWith("local")) {
      configuration.setIfMissing("spark.ui.enabled", "false");
      configuration.setIfMissing("spark.driver.host", "127.0.0.1");
      configuration.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
    }
    configuration.setIfMissing("spark.app.name", "spark-ssm " + name());
    configuration.set("spark.ui.showConsoleProgress", "false");
    // dates and times in data mean the same on every machine
    configuration.setIfMissing("spark.sql.session.timeZone", "UTC");
    addExtension(configuration);
    common().conf.forEach(configuration::set);
    return configuration;
  }

  /** Registers the SQL functions, where their module is on the class path. */
  private static void addExtension(SparkConf configuration) {
    try {
      Class.forName(OWN_EXTENSION, false, SparkCommand.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      return;
    }
    String others = configuration.get(EXTENSIONS, "");
    if (!others.contains(OWN_EXTENSION)) {
      configuration.set(
          EXTENSIONS, others.isEmpty() ? OWN_EXTENSION : others + "," + OWN_EXTENSION);
    }
  }
}
