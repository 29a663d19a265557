package org.sparkssm.data;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Goes through a {@code .ts} file once without reading its numbers: its header, its number of
 * cases, and where it may be cut so that parts can be read in parallel.
 */
public final class TsScanner {
  private static final int BUFFER_BYTES = 1 << 16;

  private final InputStream in;
  private final String file;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private int position;
  private int limit;
  private long offset;

  private TsScanner(InputStream in, String file) {
    this.in = in;
    this.file = file;
  }

  /**
   * A part of a file.
   *
   * @param offset byte at which its first line begins
   * @param firstCase number of its first case, from 0
   * @param cases how many it has
   */
  public record Part(long offset, long firstCase, long cases) implements Serializable {}

  /**
   * What was found.
   *
   * @param header the header
   * @param parts in the order of the file; none if it has no case
   */
  public record Scan(TsHeader header, List<Part> parts) implements Serializable {
    /** Number of cases. */
    public long cases() {
      return parts.stream().mapToLong(Part::cases).sum();
    }
  }

  /**
   * Scans a file.
   *
   * @param in its bytes, read to the end
   * @param file its name, for messages
   * @param partBytes a new part begins with the first case after this many bytes
   * @throws InvalidInputException if it is not a {@code .ts} file
   */
  public static Scan scan(InputStream in, String file, long partBytes) throws IOException {
    TsScanner scanner = new TsScanner(in, file);
    TsHeader header = scanner.header();
    return new Scan(header, scanner.parts(partBytes));
  }

  private TsHeader header() throws IOException {
    List<String> lines = new ArrayList<>();
    while (true) {
      String line = line();
      if (line == null) {
        throw new InvalidInputException(
            file + " has no line " + TsHeader.DATA + ", expected a .ts file");
      }
      line = line.startsWith("\ufeff") ? line.substring(1).strip() : line.strip();
      if (line.toLowerCase(Locale.ROOT).equals(TsHeader.DATA)) {
        return TsHeader.parse(lines, file);
      }
      if (!line.isEmpty() && !line.startsWith("#")) {
        if (!line.startsWith("@")) {
          throw new InvalidInputException(
              file
                  + " has the line '"
                  + TsHeader.shortened(line)
                  + "' before "
                  + TsHeader.DATA
                  + ", expected header lines that begin with @");
        }
        lines.add(line);
      }
    }
  }

  private List<Part> parts(long partBytes) throws IOException {
    List<Part> parts = new ArrayList<>();
    long partOffset = offset;
    long partFirst = 0;
    long cases = 0;
    while (true) {
      long lineOffset = offset;
      int first = skipLine();
      if (first == END) {
        break;
      }
      if (first == BLANK || first == '#') {
        continue;
      }
      if (cases > partFirst && lineOffset - partOffset >= partBytes) {
        parts.add(new Part(partOffset, partFirst, cases - partFirst));
        partOffset = lineOffset;
        partFirst = cases;
      }
      cases++;
    }
    if (cases > partFirst) {
      parts.add(new Part(partOffset, partFirst, cases - partFirst));
    }
    return parts;
  }

  private static final int END = -1;
  private static final int BLANK = -2;

  /** Goes past a line; returns its first byte that is not white, BLANK, or END after the last. */
  private int skipLine() throws IOException {
    int next = read();
    if (next < 0) {
      return END;
    }
    int first = BLANK;
    while (next >= 0 && next != '\n') {
      if (first == BLANK && !Character.isWhitespace(next)) {
        first = next;
      }
      next = read();
    }
    return first;
  }

  private String line() throws IOException {
    int next = read();
    if (next < 0) {
      return null;
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    while (next >= 0 && next != '\n') {
      bytes.write(next);
      if (bytes.size() > BUFFER_BYTES) {
        throw new InvalidInputException(file + " has an endless first line, expected a .ts file");
      }
      next = read();
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private int read() throws IOException {
    if (position == limit) {
      limit = in.read(buffer, 0, buffer.length);
      position = 0;
      if (limit <= 0) {
        limit = 0;
        return END;
      }
    }
    offset++;
    return buffer[position++] & 0xff;
  }
}
