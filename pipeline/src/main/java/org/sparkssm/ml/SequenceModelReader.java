package org.sparkssm.ml;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.function.BiFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.ml.util.DefaultParamsReader.Metadata;
import org.apache.spark.ml.util.MLReader;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.spark.HadoopFiles;
import org.sparkssm.train.ModelFiles;
import org.sparkssm.train.TrainedModel;

/** Reads what {@link SequenceModelWriter} wrote. */
final class SequenceModelReader<M extends SequenceModelTransformer<M>> extends MLReader<M> {
  private final Class<M> type;
  private final BiFunction<String, TrainedModel, M> constructor;

  SequenceModelReader(Class<M> type, BiFunction<String, TrainedModel, M> constructor) {
    this.type = type;
    this.constructor = constructor;
  }

  /**
   * Reads a model.
   *
   * @throws InvalidInputException if a file is missing or damaged, or the folder holds a model of
   *     another kind or version
   */
  @Override
  public M load(String path) {
    TrainedModel trained = trainedModel(path, sparkSession().sparkContext().hadoopConfiguration());
    Metadata metadata = StageReader.metadata(path, type, sparkSession());
    M model = constructor.apply(metadata.uid(), trained);
    metadata.getAndSetParams(model, metadata.getAndSetParams$default$2());
    return model;
  }

  /** The model that lies in a folder, without MLlib's Params. */
  static TrainedModel trainedModel(String path, Configuration configuration) {
    Path folder = HadoopFiles.path(path);
    String description =
        HadoopFiles.readText(new Path(folder, ModelFiles.DESCRIPTION), configuration)
            .orElseThrow(
                () -> new InvalidInputException(path + " is no model: it has no model.json"));
    Path weights = new Path(folder, ModelFiles.WEIGHTS);
    try (InputStream in = HadoopFiles.fileSystem(weights, configuration).open(weights)) {
      return ModelFiles.read(description, in, path);
    } catch (FileNotFoundException e) {
      throw new InvalidInputException(path + " is no model: it has no weights.safetensors", e);
    } catch (IOException e) {
      throw HadoopFiles.unreadable(weights, e);
    }
  }
}
