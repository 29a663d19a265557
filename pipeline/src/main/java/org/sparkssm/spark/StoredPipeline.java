package org.sparkssm.spark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.Transformer;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;

/**
 * An MLlib pipeline inside a folder that has a manifest; the manifest lists its files, so that a
 * missing one is noticed and named.
 *
 * @param folder name inside the manifest's folder
 * @param files all files of the pipeline
 */
public record StoredPipeline(String folder, List<StoredFile> files) {

  /** Saves {@code stages} to a new folder inside {@code output}, before that is committed. */
  public static StoredPipeline save(
      SparkSession spark, List<? extends Transformer> stages, OutputFolder output)
      throws IOException {
    String name = "_pipeline-" + UUID.randomUUID().toString().substring(0, 8);
    Path folder = new Path(output.folder(), name);
    PipelineModel pipeline = new PipelineModel("pipeline", stages.toArray(Transformer[]::new));
    pipeline.write().session(spark).save(folder.toString());
    return new StoredPipeline(name, filesBelow(spark, output.folder(), folder));
  }

  /**
   * Loads the stages.
   *
   * @param base the manifest's folder
   * @throws InvalidInputException if a file is missing, has another size, or is damaged
   */
  public List<Transformer> load(SparkSession spark, Path base) {
    FileSystem fileSystem = HadoopFiles.fileSystem(base, configuration(spark));
    for (StoredFile file : files) {
      Shards.check(fileSystem, base, file);
    }
    try {
      PipelineModel pipeline = PipelineModel.load(new Path(base, folder).toString());
      return List.of(pipeline.stages());
    } catch (InvalidInputException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new InvalidInputException(
          "the pipeline in " + new Path(base, folder) + " is damaged: " + e.getMessage(), e);
    }
  }

  private static List<StoredFile> filesBelow(SparkSession spark, Path base, Path folder)
      throws IOException {
    FileSystem fileSystem = HadoopFiles.fileSystem(base, configuration(spark));
    String prefix = fileSystem.makeQualified(base) + Path.SEPARATOR;
    List<StoredFile> files = new ArrayList<>();
    RemoteIterator<LocatedFileStatus> found = fileSystem.listFiles(folder, true);
    while (found.hasNext()) {
      LocatedFileStatus file = found.next();
      String path = file.getPath().toString();
      if (file.getPath().getName().startsWith("_")) {
        continue; // markers without content
      }
      files.add(new StoredFile(path.substring(prefix.length()), file.getLen()));
    }
    files.sort(Comparator.comparing(StoredFile::file));
    return files;
  }

  private static Configuration configuration(SparkSession spark) {
    return spark.sparkContext().hadoopConfiguration();
  }
}
