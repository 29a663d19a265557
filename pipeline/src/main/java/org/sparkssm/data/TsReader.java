package org.sparkssm.data;

import java.io.IOException;
import java.io.Reader;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads the cases of a UEA/UCR {@code .ts} file one by one, never holding more than one.
 *
 * <p>A case is a line; channels are separated by ':', values by ',', the label comes last. '?' and
 * NaN are missing values. With time stamps a value is "(time,value)", the time a number or a date
 * and time such as 2020-01-31 12:00:00, which becomes seconds since 1970 in UTC; all channels of a
 * case have the same times then. Lines that are blank or begin with '#' are skipped.
 */
public final class TsReader {
  private static final DateTimeFormatter DATE_TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss[.SSSSSS][.SSS]");

  private static final LocalDateTime EPOCH = LocalDateTime.of(1970, 1, 1, 0, 0);

  private final Reader reader;
  private final TsHeader header;
  private final String file;
  private final StringBuilder token = new StringBuilder();
  private long caseNumber;

  /**
   * A reader whose next character is the first of a case (or of a blank or comment line).
   *
   * @param reader buffered, of the file's text
   * @param firstCase number of the next case in the file, for messages
   */
  public TsReader(Reader reader, TsHeader header, String file, long firstCase) {
    this.reader = reader;
    this.header = header;
    this.file = file;
    this.caseNumber = firstCase - 1;
  }

  /**
   * The next case, or null at the end of the file.
   *
   * @throws InvalidInputException for a case that cannot be understood
   */
  public TsCase next() throws IOException {
    int first = firstOfCase();
    if (first < 0) {
      return null;
    }
    caseNumber++;
    List<Channel> channels = new ArrayList<>();
    Channel channel = new Channel();
    int next = first;
    boolean pair = false;
    while (true) {
      if (next == ':' && !pair) {
        channel.add(takeToken(), channels.size());
        channels.add(channel);
        channel = new Channel();
      } else if (next == ',' && !pair) {
        channel.add(takeToken(), channels.size());
      } else if (next == '\n' || next < 0) {
        break;
      } else {
        pair = next == '(' || (pair && next != ')');
        token.append((char) next);
      }
      next = reader.read();
    }
    String last = takeToken();
    String label = null;
    if (header.hasLabel()) {
      if (channels.isEmpty() || channel.length > 0) {
        throw invalid("has no label at its end, expected ':' and the label", null);
      }
      label = checkedLabel(last);
    } else {
      channel.add(last, channels.size());
      channels.add(channel);
    }
    return assemble(channels, label);
  }

  /** The first character of the next line that holds a case, or -1. */
  private int firstOfCase() throws IOException {
    int next = reader.read();
    while (next == '#' || (next >= 0 && Character.isWhitespace(next))) {
      if (next == '#') {
        while (next >= 0 && next != '\n') {
          next = reader.read();
        }
      } else {
        next = reader.read();
      }
    }
    return next;
  }

  private String takeToken() {
    String text = token.toString().strip();
    token.setLength(0);
    return text;
  }

  private String checkedLabel(String label) {
    if (!header.classes().isEmpty() && !header.classes().contains(label)) {
      throw invalid(
          "has the label '"
              + TsHeader.shortened(label)
              + "', expected one of the classes "
              + String.join(", ", header.classes()),
          null);
    }
    return label;
  }

  private TsCase assemble(List<Channel> channels, String label) {
    int count = channels.size();
    if (header.dimensions() > 0 && count != header.dimensions()) {
      throw invalid("has " + count + " channels, expected " + header.dimensions(), null);
    }
    int length = channels.get(0).length;
    float[] values = new float[length * count];
    for (int c = 0; c < count; c++) {
      Channel channel = channels.get(c);
      if (channel.length != length) {
        throw invalid(
            "has "
                + channel.length
                + " values in channel "
                + (c + 1)
                + " and "
                + length
                + " in channel 1, expected the same number",
            null);
      }
      for (int l = 0; l < length; l++) {
        values[l * count + c] = channel.values[l];
      }
    }
    return new TsCase(count, values, sharedTimes(channels), label);
  }

  private double[] sharedTimes(List<Channel> channels) {
    if (!header.timeStamps()) {
      return null;
    }
    Channel first = channels.get(0);
    double[] times = Arrays.copyOf(first.times, first.length);
    for (int c = 1; c < channels.size(); c++) {
      if (!Arrays.equals(times, Arrays.copyOf(channels.get(c).times, first.length))) {
        throw invalid("has other times in channel " + (c + 1) + " than in channel 1", null);
      }
    }
    return times;
  }

  private InvalidInputException invalid(String what, Throwable cause) {
    return new InvalidInputException("case " + caseNumber + " of " + file + " " + what, cause);
  }

  /** The values of one channel, growing. */
  private final class Channel {
    private float[] values = new float[64];
    private double[] times = header.timeStamps() ? new double[64] : null;
    private int length;

    void add(String text, int channel) {
      if (length == values.length) {
        values = Arrays.copyOf(values, length * 2);
        if (times != null) {
          times = Arrays.copyOf(times, length * 2);
        }
      }
      String value = text;
      if (times != null) {
        int comma = text.indexOf(',');
        if (comma < 0 || !text.startsWith("(") || !text.endsWith(")")) {
          throw notANumber(text, channel, "a pair (time,value)", null);
        }
        times[length] = time(text.substring(1, comma).strip(), channel);
        value = text.substring(comma + 1, text.length() - 1).strip();
      }
      values[length] = value(value, channel);
      length++;
    }

    private float value(String text, int channel) {
      if (text.equals("?")) {
        return Float.NaN;
      }
      try {
        return Float.parseFloat(text);
      } catch (NumberFormatException e) {
        throw notANumber(text, channel, "a number or ?", e);
      }
    }

    private double time(String text, int channel) {
      try {
        return Double.parseDouble(text);
      } catch (NumberFormatException notNumber) {
        try {
          LocalDateTime time = LocalDateTime.parse(text, DATE_TIME);
          return ChronoUnit.MICROS.between(EPOCH, time) / 1e6;
        } catch (DateTimeParseException e) {
          throw notANumber(text, channel, "a time", e);
        }
      }
    }

    private InvalidInputException notANumber(
        String text, int channel, String expected, Throwable cause) {
      return invalid(
          "has '"
              + TsHeader.shortened(text)
              + "' at step "
              + length
              + " of channel "
              + (channel + 1)
              + ", expected "
              + expected,
          cause);
    }
  }
}
