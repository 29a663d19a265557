package org.sparkssm.jobs;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.Failures;
import org.sparkssm.spark.HadoopFiles;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * What all commands share: exit status, one-sentence errors on standard error, and a JSON summary
 * as the last line of standard output.
 */
@Command(
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    showDefaultValues = true,
    usageHelpAutoWidth = true)
abstract class JobCommand implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Mixin private CommonOptions common;
  @Spec private CommandSpec spec;

  /**
   * Does the work.
   *
   * @return what the summary says besides {@code command} and {@code seconds}, in order
   * @throws InvalidInputException for input that the user can mend
   * @throws JobFailedException if the result is not what was asked
   */
  protected abstract Map<String, Object> execute() throws IOException;

  /** The settings of Hadoop's file systems, for the summary. */
  protected Configuration hadoopConfiguration() {
    return new Configuration();
  }

  /** The options every command has. */
  protected final CommonOptions common() {
    return common;
  }

  /** Tells the user something, on standard error. */
  protected final void tell(String message) {
    error().println(message);
  }

  /** Standard error. */
  protected final PrintWriter error() {
    return spec.commandLine().getErr();
  }

  /** The command's name. */
  protected final String name() {
    return spec.name();
  }

  @Override
  public final Integer call() {
    if (common.verbose) {
      Logging.verbose();
    }
    long start = System.nanoTime();
    try {
      Map<String, Object> summary = new LinkedHashMap<>();
      summary.put("command", name());
      summary.putAll(execute());
      summary.putIfAbsent("seconds", Math.round((System.nanoTime() - start) / 1e6) / 1e3);
      publish(JSON.writeValueAsString(summary));
      return Main.DONE;
    } catch (JobFailedException e) {
      return fail(e.getMessage(), e, Main.FAILED);
    } catch (Exception | LinkageError | OutOfMemoryError e) {
      Optional<InvalidInputException> invalid = Failures.invalidInput(e);
      if (invalid.isPresent()) {
        return fail(invalid.get().getMessage(), e, Main.INVALID);
      }
      return fail(
          "failed: " + rootCause(e) + (common.verbose ? "" : " (--verbose shows where)"),
          e,
          Main.FAILED);
    }
  }

  private int fail(String sentence, Throwable failure, int status) {
    tell("spark-ssm " + name() + ": " + sentence);
    if (common.verbose) {
      failure.printStackTrace(error());
    }
    return status;
  }

  private static String rootCause(Throwable failure) {
    Throwable cause = failure;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause.toString().lines().findFirst().orElse("");
  }

  private void publish(String json) throws JsonProcessingException {
    if (common.summary != null) {
      Path file = HadoopFiles.path(common.summary);
      try (OutputStream out =
          HadoopFiles.fileSystem(file, hadoopConfiguration()).create(file, true)) {
        out.write((json + "\n").getBytes(StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw new InvalidInputException(
            "--summary " + file + " cannot be written: " + e.getMessage(), e);
      }
    }
    spec.commandLine().getOut().println(json);
  }
}
