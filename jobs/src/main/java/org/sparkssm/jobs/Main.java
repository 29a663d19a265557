package org.sparkssm.jobs;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.sparkssm.data.LibraryVersion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/** The command line: one subcommand per job. */
@Command(
    name = "spark-ssm",
    description = "Selective state-space models and path signatures on Apache Spark.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      GenerateCommand.class,
      ImportCommand.class,
      FeaturesCommand.class,
      TrainCommand.class,
      EvaluateCommand.class,
      PredictCommand.class,
      ExperimentCommand.class,
      ReportCommand.class,
      InfoCommand.class
    })
public final class Main {
  /** Exit status of a job that did what was asked. */
  public static final int DONE = 0;

  /** Exit status of a job that failed. */
  public static final int FAILED = 1;

  /** Exit status for wrong usage or input. */
  public static final int INVALID = 2;

  /** Runs one command and ends the process with its exit status. */
  public static void main(String[] arguments) {
    Logging.configure();
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    System.exit(run(out, err, arguments));
  }

  /**
   * Runs one command.
   *
   * @param out where the summary goes
   * @param err where everything else goes
   * @return the exit status
   */
  public static int run(PrintWriter out, PrintWriter err, String... arguments) {
    CommandLine commandLine = new CommandLine(new Main());
    commandLine.setOut(out);
    commandLine.setErr(err);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setExecutionStrategy(
        parsed -> {
          if (!parsed.hasSubcommand()
              && !parsed.isUsageHelpRequested()
              && !parsed.isVersionHelpRequested()) {
            throw new CommandLine.ParameterException(
                parsed.commandSpec().commandLine(), "a command is missing");
          }
          return new CommandLine.RunLast().execute(parsed);
        });
    commandLine.setParameterExceptionHandler(
        (failure, given) -> {
          CommandLine command = failure.getCommandLine();
          command.getErr().println("spark-ssm: " + reason(failure, given));
          command
              .getErr()
              .println(
                  "'"
                      + command.getCommandSpec().qualifiedName()
                      + " --help' lists what is possible.");
          return INVALID;
        });
    return commandLine.execute(arguments);
  }

  private static String reason(CommandLine.ParameterException failure, String[] given) {
    boolean unknownCommand =
        failure instanceof CommandLine.UnmatchedArgumentException
            && failure.getCommandLine().getParent() == null
            && !given[0].startsWith("-");
    return unknownCommand ? "there is no command '" + given[0] + "'" : failure.getMessage();
  }

  /** The library's version. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"spark-ssm " + LibraryVersion.current()};
    }
  }
}
