package org.sparkssm.spark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.sparkssm.data.InvalidInputException;

/** The files that inputs name. */
final class InputFiles {
  private static final long SHARD_BYTES = 64L << 20;

  private InputFiles() {}

  /**
   * The files of inputs, in the order of the inputs and, within a folder or pattern, of names;
   * files whose name begins with '_' or '.' are left out of folders.
   *
   * @param inputs files, folders or patterns
   * @throws InvalidInputException for an input that does not exist, cannot be read or is empty
   */
  static List<FileStatus> find(List<String> inputs, Configuration configuration) {
    List<FileStatus> files = new ArrayList<>();
    for (String input : inputs) {
      Path path = HadoopFiles.path(input);
      FileSystem fileSystem = HadoopFiles.fileSystem(path, configuration);
      try {
        FileStatus[] matches = fileSystem.globStatus(path);
        if (matches == null || matches.length == 0) {
          throw new InvalidInputException("the input " + input + " does not exist");
        }
        int before = files.size();
        for (FileStatus match : matches) {
          collect(fileSystem, match, files);
        }
        if (files.size() == before) {
          throw new InvalidInputException("the input " + input + " has no files");
        }
      } catch (IOException e) {
        throw HadoopFiles.unreadable(path, e);
      }
    }
    return files;
  }

  private static void collect(FileSystem fileSystem, FileStatus status, List<FileStatus> files)
      throws IOException {
    if (status.isFile()) {
      files.add(status);
      return;
    }
    FileStatus[] children = fileSystem.listStatus(status.getPath());
    Arrays.sort(children);
    for (FileStatus child : children) {
      String name = child.getPath().getName();
      if (!name.startsWith("_") && !name.startsWith(".")) {
        collect(fileSystem, child, files);
      }
    }
  }

  /** How many shards to write: as asked, or one for every 64 MiB of input. */
  static int shards(ImportOptions options, long bytes) {
    if (options.shards() < 0) {
      throw new InvalidInputException(
          "the number of shards must be positive, or 0 for the default, found " + options.shards());
    }
    return options.shards() > 0
        ? options.shards()
        : (int) Math.min(1 << 16, Math.max(1, (bytes + SHARD_BYTES - 1) / SHARD_BYTES));
  }
}
