package org.sparkssm.spark;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import org.sparkssm.data.DataSetManifest;
import org.sparkssm.data.LabelDescription;

/**
 * What {@code _features.json} says about a feature data set; its presence is the commit.
 *
 * @param formatVersion of the folder's layout
 * @param libraryVersion of the library that wrote it
 * @param name for people
 * @param specification the options that the features were computed with
 * @param pipeline the transformers that compute them from sequences
 * @param source the manifest of the sequences: channels, standardization, time, labels
 * @param count number of rows
 * @param width number of features
 * @param fingerprint of the specification and the source's rows, 16 hexadecimal digits
 * @param shards the files with the rows
 * @param schema Spark's JSON form of the columns
 */
public record FeatureManifest(
    int formatVersion,
    String libraryVersion,
    String name,
    Map<String, Object> specification,
    StoredPipeline pipeline,
    DataSetManifest source,
    long count,
    int width,
    String fingerprint,
    List<StoredFile> shards,
    JsonNode schema) {
  /** Name of the file. */
  public static final String FILE_NAME = "_features.json";

  /** The layout that this library reads and writes. */
  public static final int FORMAT_VERSION = 1;

  /** What the labels are. */
  @JsonIgnore
  public LabelDescription label() {
    return source.label();
  }

  /** Bytes of all shards. */
  @JsonIgnore
  public long bytes() {
    return shards.stream().mapToLong(StoredFile::bytes).sum();
  }
}
