package org.sparkssm.ml;

import java.util.List;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.model.HeadKind;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.spark.DataParallelTrainer;
import org.sparkssm.spark.Failures;
import org.sparkssm.spark.SequenceReader;
import org.sparkssm.train.TrainedModel;
import org.sparkssm.train.TrainingListener;

/**
 * What the estimators of sequence models share: Params, and {@link #fit} by {@link
 * DataParallelTrainer}. The weights are a function of the rows, the Params and the seed: the same
 * bits for any partitioning, any number of cores and executors, and every mode.
 *
 * @param <E> the estimator
 * @param <M> its model
 */
public abstract class SequenceEstimator<
        E extends SequenceEstimator<E, M>, M extends SequenceModelTransformer<M>>
    extends SequenceTrainingParams<E, M> {
  private static final long serialVersionUID = 1L;

  private transient TrainingListener listener;

  SequenceEstimator(String uid) {
    super(uid);
  }

  /** Names of classes; empty for numbers and for classes without names. */
  abstract List<String> classNames(Dataset<?> dataset);

  /** Number of classes, 0 for numbers. */
  abstract int classes(Dataset<?> dataset, List<String> names);

  /** What each class counts for in training; null: 1 each. */
  double[] classWeights(int classes) {
    return null;
  }

  /** The head for one label a sequence, or one a step. */
  abstract HeadKind head(boolean labelPerStep);

  /** Refuses a label column of a type that does not fit. */
  abstract void checkLabel(String name, DataType type);

  /** The model around what training gave. */
  abstract M model(TrainedModel trained);

  /** Hears how the training goes; not part of the Params, and not saved. */
  public final E setTrainingListener(TrainingListener value) {
    listener = value;
    return self();
  }

  /**
   * Trains a model.
   *
   * @throws InvalidInputException if a column or a row does not fit, in one sentence
   * @throws org.sparkssm.model.NonFiniteException if a number stops being finite
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  @Override
  public M fit(Dataset<?> dataset) {
    transformSchema(dataset.schema());
    try {
      List<String> names = classNames(dataset);
      int classes = classes(dataset, names);
      SequenceReader reader = reader(dataset, names, classes, classWeights(classes));
      TrainedModel trained = trainer(dataset, reader, names).train(dataset, reader, names);
      return copyValues(model(trained).setParent(this), ParamMap.empty());
    } catch (Exception e) {
      throw failure(e);
    }
  }

  /** What a user can mend, out of what Spark wraps around it. */
  static RuntimeException failure(Exception e) {
    if (Failures.invalidInput(e).isPresent()) {
      return Failures.invalidInput(e).get();
    }
    return e instanceof RuntimeException unchecked
        ? unchecked
        : new IllegalStateException(e.getMessage(), e);
  }

  private DataParallelTrainer trainer(
      Dataset<?> dataset, SequenceReader reader, List<String> names) {
    InitialModel initial =
        isSet(initialModel())
            ? InitialModel.read(getOrDefault(initialModel()), dataset.sparkSession())
            : null;
    ModelSpec spec = sized(unsized(reader, initial), dataset, reader);
    if (initial != null) {
      initial.require(spec, names);
    }
    return new DataParallelTrainer(
        spec,
        initial == null ? null : initial.trained(),
        settings(),
        (double) getOrDefault(validationFraction()),
        SequenceColumns.device(this, device(), dataset.sparkSession()),
        DataParallelTrainer.Mode.of(getOrDefault(mode())),
        checkpoints(),
        listener == null ? new TrainingLog() : listener);
  }

  /** What the Params describe; the initial model itself where they are silent. */
  private ModelSpec unsized(SequenceReader reader, InitialModel initial) {
    HeadKind head = head(reader.labelPerStep());
    long ownSeed = (long) getOrDefault(seed());
    if (initial == null || isModelDescribed()) {
      return spec(reader, head, ownSeed);
    }
    ModelSpec given = initial.trained().spec();
    checkFits(given, "the initial model " + initial.path(), reader, head);
    return given.withSeed(ownSeed);
  }

  @Override
  public StructType transformSchema(StructType schema) {
    checkColumns(schema);
    checkTraining();
    String label = getOrDefault(labelCol());
    DataType labelType = Columns.type(schema, label, "a label");
    checkLabel(label, labelType);
    boolean perStep = labelType instanceof ArrayType;
    return Columns.append(
        schema,
        getOrDefault(predictionCol()),
        perStep ? DataTypes.createArrayType(DataTypes.DoubleType, false) : DataTypes.DoubleType);
  }

  private ModelSpec sized(ModelSpec spec, Dataset<?> dataset, SequenceReader reader) {
    int given = reader.tokens() ? spec.input().vocabulary() : spec.input().channels();
    int size = reader.channels();
    if (reader.tokens()) {
      size = given > 0 ? given : vocabulary(dataset);
    }
    if (given > 0 && given != size) {
      throw new InvalidInputException(
          "the model expects %d channels, column %s has %d"
              .formatted(given, reader.inputColumn(), size));
    }
    ModelSpec sized = spec.withInputSize(size);
    if (reader.classes() == 0) {
      return sized;
    }
    int outputs = Math.max(spec.head().outputs(), reader.classes());
    return sized.withOutputs(outputs);
  }

  @Override
  public E copy(ParamMap extra) {
    E copy = defaultCopy(extra);
    return copy.setTrainingListener(listener);
  }
}
