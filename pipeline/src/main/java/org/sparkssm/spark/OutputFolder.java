package org.sparkssm.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;

/**
 * A folder that comes into being all at once, on file systems that cannot rename atomically.
 *
 * <p>{@link #open} writes a marker, the caller writes {@code part-*} files, and {@link #commit}
 * writes the commit file last: a folder without it holds nothing. {@link #close} without a commit
 * removes whatever was written. A folder that a killed run left (marker, no commit file) is cleaned
 * and used again. With {@code overwrite} the earlier content stays valid until the new commit file
 * replaces the old one; a folder that this class did not make is never touched.
 */
public final class OutputFolder implements AutoCloseable {
  /** Name of the marker. */
  public static final String MARKER = "_in_progress.json";

  private static final Logger LOG = LoggerFactory.getLogger(OutputFolder.class);

  private final FileSystem fileSystem;
  private final Path folder;
  private final String commitFile;
  private final boolean created;
  private final Set<String> earlier;
  private boolean committed;

  private OutputFolder(
      FileSystem fileSystem, Path folder, String commitFile, boolean created, Set<String> earlier) {
    this.fileSystem = fileSystem;
    this.folder = folder;
    this.commitFile = commitFile;
    this.created = created;
    this.earlier = earlier;
  }

  /**
   * Claims a folder for writing.
   *
   * @param commitFile name of the file whose presence makes the folder valid
   * @param overwrite whether a valid folder may be replaced
   * @throws InvalidInputException if there is something that must not be replaced, or the folder
   *     cannot be made
   */
  public static OutputFolder open(
      Configuration configuration, String output, String commitFile, boolean overwrite) {
    Path folder = HadoopFiles.path(output);
    FileSystem fileSystem = HadoopFiles.fileSystem(folder, configuration);
    try {
      FileStatus[] children = children(fileSystem, folder);
      checkClaim(folder, children, commitFile, overwrite);
      boolean valid = children != null && contains(children, commitFile);
      OutputFolder result =
          new OutputFolder(
              fileSystem, folder, commitFile, children == null, valid ? names(children) : Set.of());
      if (children != null && contains(children, MARKER) && !valid) {
        LOG.warn("{} was left by a run that did not finish; it is written anew", folder);
        result.deleteWritten();
      }
      if (!fileSystem.mkdirs(folder)) {
        throw new IOException("it could not be created");
      }
      result.write(
          MARKER,
          "{\"writer\":\"spark-ssm\",\"libraryVersion\":\""
              + LibraryVersion.current()
              + "\",\"started\":\""
              + Instant.now()
              + "\"}\n");
      return result;
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + folder + " cannot be written: " + HadoopFiles.reason(e), e);
    }
  }

  /**
   * Checks what {@link #open} checks, without writing anything.
   *
   * @throws InvalidInputException if the folder must not be written
   */
  public static void check(
      Configuration configuration, String output, String commitFile, boolean overwrite) {
    Path folder = HadoopFiles.path(output);
    try {
      checkClaim(
          folder,
          children(HadoopFiles.fileSystem(folder, configuration), folder),
          commitFile,
          overwrite);
    } catch (IOException e) {
      throw new InvalidInputException(
          "the output " + folder + " cannot be read: " + HadoopFiles.reason(e), e);
    }
  }

  private static void checkClaim(
      Path folder, FileStatus[] children, String commitFile, boolean overwrite) {
    if (children == null || children.length == 0) {
      return;
    }
    if (contains(children, commitFile)) {
      if (!overwrite) {
        throw new InvalidInputException(
            "the output " + folder + " exists; give --overwrite to replace it");
      }
    } else if (!contains(children, MARKER)) {
      throw new InvalidInputException(
          "the output "
              + folder
              + " exists and was not written by spark-ssm (it has no "
              + commitFile
              + "), so it is not touched; choose another place");
    }
  }

  /** The folder. */
  public Path folder() {
    return folder;
  }

  /**
   * The {@code part-*} files that were written since {@link #open}, in the order of their names.
   */
  public FileStatus[] writtenParts() throws IOException {
    return Arrays.stream(fileSystem.listStatus(folder))
        .filter(FileStatus::isFile)
        .filter(status -> status.getPath().getName().startsWith("part-"))
        .filter(status -> !earlier.contains(status.getPath().getName()))
        .sorted()
        .toArray(FileStatus[]::new);
  }

  /** Writes the commit file, which makes the folder valid, and removes what it replaces. */
  public void commit(String content) throws IOException {
    write(commitFile, content);
    committed = true;
    for (String name : earlier) {
      if (isOurs(name) && !name.equals(commitFile)) {
        fileSystem.delete(new Path(folder, name), true);
      }
    }
    fileSystem.delete(new Path(folder, MARKER), false);
  }

  /** Removes what was written, unless it was committed. */
  @Override
  public void close() {
    if (committed) {
      return;
    }
    try {
      deleteWritten();
      if (created && fileSystem.listStatus(folder).length == 0) {
        fileSystem.delete(folder, false);
      }
    } catch (IOException e) {
      LOG.warn("{} could not be cleaned; the next run will clean it", folder, e);
    }
  }

  private void deleteWritten() throws IOException {
    for (FileStatus child : fileSystem.listStatus(folder)) {
      String name = child.getPath().getName();
      if (isOurs(name) && !earlier.contains(name) && !name.equals(MARKER)) {
        fileSystem.delete(child.getPath(), true);
      }
    }
    fileSystem.delete(new Path(folder, MARKER), false);
  }

  private static boolean isOurs(String name) {
    return name.startsWith("part-") || name.startsWith("_") || name.startsWith(".part-");
  }

  private void write(String name, String content) throws IOException {
    try (OutputStream out = fileSystem.create(new Path(folder, name), true)) {
      out.write(content.getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Null where there is nothing. */
  private static FileStatus[] children(FileSystem fileSystem, Path folder) throws IOException {
    try {
      if (fileSystem.getFileStatus(folder).isFile()) {
        throw new InvalidInputException(
            "the output " + folder + " is a file, expected a folder or nothing");
      }
      return fileSystem.listStatus(folder);
    } catch (FileNotFoundException e) {
      return null;
    }
  }

  private static boolean contains(FileStatus[] children, String name) {
    return Arrays.stream(children).anyMatch(child -> child.getPath().getName().equals(name));
  }

  private static Set<String> names(FileStatus[] children) {
    Set<String> names = new HashSet<>();
    for (FileStatus child : children) {
      names.add(child.getPath().getName());
    }
    return names;
  }
}
