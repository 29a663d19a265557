package org.sparkssm.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.security.AccessControlException;
import org.sparkssm.data.InvalidInputException;

/** Small files and paths of any Hadoop file system, with errors a user can act on. */
public final class HadoopFiles {
  private HadoopFiles() {}

  /**
   * Parses a path.
   *
   * @throws InvalidInputException if it is not one
   */
  public static Path path(String text) {
    try {
      return new Path(text);
    } catch (IllegalArgumentException e) {
      throw new InvalidInputException("'" + text + "' is not a path: " + e.getMessage(), e);
    }
  }

  /**
   * The file system of a path.
   *
   * @throws InvalidInputException if there is none for its scheme
   */
  public static FileSystem fileSystem(Path path, Configuration configuration) {
    try {
      return path.getFileSystem(configuration);
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidInputException(path + " cannot be reached: " + e.getMessage(), e);
    }
  }

  /**
   * The text of a file, or empty if there is no such file.
   *
   * @throws InvalidInputException if it is there and cannot be read
   */
  public static Optional<String> readText(Path file, Configuration configuration) {
    try (InputStream in = fileSystem(file, configuration).open(file)) {
      return Optional.of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (FileNotFoundException e) {
      if (isDenied(e)) {
        throw unreadable(file, e);
      }
      return Optional.empty();
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /**
   * Opens a file.
   *
   * @throws InvalidInputException if it is not there or cannot be read
   */
  static FSDataInputStream open(Path file, Configuration configuration) {
    try {
      return fileSystem(file, configuration).open(file);
    } catch (FileNotFoundException e) {
      if (isDenied(e)) {
        throw unreadable(file, e);
      }
      throw new InvalidInputException(file + " does not exist", e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  /** The exception for a file that cannot be read. */
  public static InvalidInputException unreadable(Path file, IOException cause) {
    return new InvalidInputException(file + " cannot be read: " + reason(cause), cause);
  }

  /** The first line of an exception's message. */
  static String reason(IOException e) {
    if (e instanceof AccessControlException) {
      return "permission denied";
    }
    String message = e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message.lines().findFirst().orElse("");
  }

  /** Local file systems report a lack of permission as a missing file. */
  private static boolean isDenied(FileNotFoundException e) {
    return e.getMessage() != null && e.getMessage().contains("Permission denied");
  }
}
