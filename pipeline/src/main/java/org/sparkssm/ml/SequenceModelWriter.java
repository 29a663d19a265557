package org.sparkssm.ml;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.util.MLWriter;
import org.sparkssm.spark.HadoopFiles;
import org.sparkssm.train.ModelFiles;

/**
 * Writes a sequence model: weights, then description, then MLlib's metadata. A folder without
 * metadata is not a model.
 */
final class SequenceModelWriter extends MLWriter {
  private final SequenceModelTransformer<?> model;

  SequenceModelWriter(SequenceModelTransformer<?> model) {
    this.model = model;
  }

  @Override
  public void saveImpl(String path) {
    Path folder = HadoopFiles.path(path);
    try (OutputStream out = create(new Path(folder, ModelFiles.WEIGHTS))) {
      ModelFiles.writeWeights(model.trainedModel(), out);
    } catch (IOException e) {
      throw new UncheckedIOException("the model could not be written to " + path, e);
    }
    try (OutputStream out = create(new Path(folder, ModelFiles.DESCRIPTION))) {
      out.write(ModelFiles.description(model.trainedModel()).getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException("the model could not be written to " + path, e);
    }
    StageWriter.saveMetadata(model, path, sparkSession());
  }

  private OutputStream create(Path file) throws IOException {
    Configuration configuration = sparkSession().sparkContext().hadoopConfiguration();
    return HadoopFiles.fileSystem(file, configuration).create(file, true);
  }
}
