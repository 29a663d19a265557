package org.sparkssm.data;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The header of a UEA/UCR {@code .ts} file.
 *
 * @param problemName nullable
 * @param timeStamps whether values are (time,value) pairs
 * @param dimensions number of channels; 0 where the header does not say
 * @param hasLabel whether the last field of a case is its label
 * @param classes names of the classes; empty for numbers
 */
public record TsHeader(
    String problemName, boolean timeStamps, int dimensions, boolean hasLabel, List<String> classes)
    implements Serializable {

  /** The line after which the cases come. */
  static final String DATA = "@data";

  /** Takes a copy of the names. */
  public TsHeader {
    classes = List.copyOf(classes);
  }

  /**
   * Reads header lines.
   *
   * @param lines without comments and blank lines, up to but without {@value #DATA}
   * @param file for messages
   * @throws InvalidInputException for a line that cannot be understood
   */
  public static TsHeader parse(List<String> lines, String file) {
    String problemName = null;
    boolean timeStamps = false;
    int dimensions = 0;
    boolean hasLabel = false;
    List<String> classes = new ArrayList<>();
    for (String line : lines) {
      String[] words = line.strip().split("\\s+");
      String argument = words.length > 1 ? words[1] : "";
      switch (words[0].toLowerCase(Locale.ROOT)) {
        case "@problemname" -> problemName = argument;
        case "@timestamps" -> timeStamps = flag(argument, line, file);
        case "@univariate" -> {
          if (flag(argument, line, file)) {
            dimensions = 1;
          }
        }
        case "@dimensions", "@dimension" -> dimensions = number(argument, line, file);
        case "@targetlabel" -> hasLabel = flag(argument, line, file);
        case "@classlabel" -> {
          hasLabel = flag(argument, line, file);
          classes.addAll(Arrays.asList(words).subList(2, words.length));
          if (hasLabel && classes.isEmpty()) {
            throw invalid(line, file, "names of the classes after true");
          }
        }
        default -> {
          if (!line.startsWith("@")) {
            throw invalid(line, file, "a line that begins with @ before " + DATA);
          }
        }
      }
    }
    return new TsHeader(problemName, timeStamps, dimensions, hasLabel, classes);
  }

  private static boolean flag(String argument, String line, String file) {
    return switch (argument.toLowerCase(Locale.ROOT)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw invalid(line, file, "true or false");
    };
  }

  private static int number(String argument, String line, String file) {
    try {
      return Integer.parseInt(argument);
    } catch (NumberFormatException e) {
      throw invalid(line, file, "a number");
    }
  }

  private static InvalidInputException invalid(String line, String file, String expected) {
    return new InvalidInputException(
        file + " has the header line '" + shortened(line) + "', expected " + expected);
  }

  static String shortened(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "...";
  }
}
