package org.sparkssm.spark;

import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.data.InvalidInputException;

/** Parquet files of an {@link OutputFolder}, and files that a manifest lists. */
final class Shards {
  private Shards() {}

  /**
   * Writes one shard per partition.
   *
   * @return number of rows
   */
  static long write(Dataset<Row> rows, OutputFolder folder) {
    Map<String, Object> found =
        ObservedWrite.write(rows, List.of(count(lit(1)).as("rows")), folder);
    return ((Number) found.get("rows")).longValue();
  }

  /** The shards written to a folder so far. */
  static List<StoredFile> written(OutputFolder folder) throws IOException {
    return Arrays.stream(folder.writtenParts())
        .map(part -> new StoredFile(part.getPath().getName(), part.getLen()))
        .toList();
  }

  /**
   * Checks that a listed file is there as listed.
   *
   * @throws InvalidInputException if it is missing or has another size
   */
  static void check(FileSystem fileSystem, Path base, StoredFile file) {
    Path path = new Path(base, file.file());
    try {
      long bytes = fileSystem.getFileStatus(path).getLen();
      if (bytes != file.bytes()) {
        throw new InvalidInputException(
            "the file %s has %d bytes, the manifest lists it with %d bytes"
                .formatted(path, bytes, file.bytes()));
      }
    } catch (FileNotFoundException e) {
      throw new InvalidInputException(
          "the file %s is missing, the manifest lists it with %d bytes"
              .formatted(path, file.bytes()),
          e);
    } catch (IOException e) {
      throw HadoopFiles.unreadable(path, e);
    }
  }
}
