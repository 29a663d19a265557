package org.sparkssm.spark;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.LabelDescription;

/**
 * What {@code _model.json} says about a trained model; its presence is the commit.
 *
 * @param formatVersion of the folder's layout
 * @param libraryVersion of the library that wrote it
 * @param model the kind, as given to {@code train --model}
 * @param pipeline the transformers from sequences to predictions
 * @param featureStages how many of them compute features; 0: the model reads sequences itself
 * @param features nullable: the options that the features were computed with
 * @param source the sequences it was trained on: channels, standardization, time, labels
 * @param validationFraction share of the training rows that were held back, chosen by a hash of
 *     their ids
 * @param validationSeed of that hash
 * @param options of the training
 * @param training what came out: rows, seconds, sequencesPerSecond, metrics by name
 * @param history one entry per epoch, or empty; in the file {@value #HISTORY}, a line each
 * @param weightsSha256 SHA-256 of the weights
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ModelManifest(
    int formatVersion,
    String libraryVersion,
    String model,
    StoredPipeline pipeline,
    int featureStages,
    Map<String, Object> features,
    DataSetManifest source,
    double validationFraction,
    long validationSeed,
    Map<String, Object> options,
    Map<String, Object> training,
    @JsonProperty(access = JsonProperty.Access.WRITE_ONLY) List<Map<String, Object>> history,
    String weightsSha256) {
  /** Name of the file. */
  public static final String FILE_NAME = "_model.json";

  /** Name of the file with the history. */
  public static final String HISTORY = "history.jsonl";

  /** The layout that this library reads and writes. */
  public static final int FORMAT_VERSION = 1;

  /** What the labels are. */
  @JsonIgnore
  public LabelDescription label() {
    return source.label();
  }

  /** Whether it predicts classes. */
  @JsonIgnore
  public boolean classifies() {
    return label().kind() == LabelDescription.Kind.CLASS;
  }

  ModelManifest withPipeline(StoredPipeline stored) {
    return new ModelManifest(
        formatVersion,
        libraryVersion,
        model,
        stored,
        featureStages,
        features,
        source,
        validationFraction,
        validationSeed,
        options,
        training,
        history,
        weightsSha256);
  }

  ModelManifest withHistory(List<Map<String, Object>> read) {
    return new ModelManifest(
        formatVersion,
        libraryVersion,
        model,
        pipeline,
        featureStages,
        features,
        source,
        validationFraction,
        validationSeed,
        options,
        training,
        read,
        weightsSha256);
  }
}
