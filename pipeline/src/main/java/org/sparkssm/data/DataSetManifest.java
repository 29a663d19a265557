package org.sparkssm.data;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What {@code _dataset.json} says about a sequence data set; its presence is the commit.
 *
 * @param formatVersion of the folder's layout, see {@link #FORMAT_VERSION}
 * @param libraryVersion of the library that wrote it
 * @param name for people
 * @param generator nullable: the task that generated it; absent for imported data
 * @param seed nullable: of the generator
 * @param parameters of the generator or of the import
 * @param count number of sequences
 * @param steps sum of their lengths
 * @param minLength shortest length
 * @param maxLength longest length
 * @param channels names; empty for token data
 * @param vocabulary nullable: number of tokens for token data
 * @param valueScale what the values were divided by; 1 for none
 * @param label the labels
 * @param splits number of sequences in each split that the source kept; empty if it has none
 * @param missing nullable: what became of missing values
 * @param standardization nullable: what was subtracted and divided by, per channel
 * @param time nullable: how time stamps were read
 * @param fingerprint 16 hexadecimal digits: the sum modulo 2^64 of a hash of each row (id, length,
 *     values or tokens, time stamps, labels), so the same for any order of rows and any number of
 *     shards
 * @param shards the files that make up the data set, and no others
 * @param schema Spark's JSON form of the columns
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonPropertyOrder({"formatVersion", "libraryVersion", "name"})
public record DataSetManifest(
    int formatVersion,
    String libraryVersion,
    String name,
    String generator,
    Long seed,
    Map<String, Object> parameters,
    long count,
    long steps,
    int minLength,
    int maxLength,
    List<String> channels,
    Integer vocabulary,
    double valueScale,
    LabelDescription label,
    Map<String, Long> splits,
    MissingValues missing,
    Standardization standardization,
    TimeDescription time,
    String fingerprint,
    List<Shard> shards,
    JsonNode schema) {
  /** Name of the file. */
  public static final String FILE_NAME = "_dataset.json";

  /** The layout that this library reads and writes. */
  public static final int FORMAT_VERSION = 1;

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  /**
   * A file of the data set.
   *
   * @param file name inside the folder
   * @param bytes its size
   */
  public record Shard(String file, long bytes) {}

  /**
   * What became of missing values (null or NaN).
   *
   * @param policy error, ffill, drop or mask
   * @param values number of missing values found
   * @param filledValues of these, how many were replaced
   * @param droppedSteps steps left out
   * @param droppedSequences sequences left out
   */
  public record MissingValues(
      String policy, long values, long filledValues, long droppedSteps, long droppedSequences) {}

  /**
   * Values became (value - mean) / deviation, per channel; fitted on the training split.
   *
   * @param mean per channel
   * @param deviation per channel: the population's standard deviation; 1 for a constant channel
   * @param fittedOn the split it was fitted on, or "all" where there is none
   */
  public record Standardization(List<Double> mean, List<Double> deviation, String fittedOn)
      implements Serializable {}

  /**
   * Times became (time - origin) / scale.
   *
   * @param source the column they came from
   * @param origin "sequence": the first time of the sequence, or "none": as the source had them
   * @param unit seconds for dates and times, else "as given"
   * @param scale the longest duration in the split that standardization was fitted on; 1 without
   */
  public record TimeDescription(String source, String origin, String unit, double scale) {}

  /** Takes copies of the collections and fills in empty ones. */
  public DataSetManifest {
    parameters = parameters == null ? Map.of() : withLongs(parameters);
    channels = channels == null ? List.of() : List.copyOf(channels);
    splits = splits == null ? Map.of() : new LinkedHashMap<>(splits);
    shards = shards == null ? List.of() : List.copyOf(shards);
    label = label == null ? LabelDescription.none() : label;
  }

  /** Whole numbers as longs, so that a manifest equals the one that was written. */
  private static Map<String, Object> withLongs(Map<String, Object> values) {
    Map<String, Object> copy = new LinkedHashMap<>(values);
    copy.replaceAll(
        (key, value) -> value instanceof Integer number ? (Object) number.longValue() : value);
    return copy;
  }

  /** Bytes of all shards. */
  public long bytes() {
    return shards.stream().mapToLong(Shard::bytes).sum();
  }

  /** The text of {@code _dataset.json}. */
  public String toJson() {
    try {
      return JSON.writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a manifest could not be written as JSON", e);
    }
  }

  /**
   * Reads the text of a manifest and checks that it is one of this format.
   *
   * @param where its path, for messages
   * @throws InvalidInputException if it is damaged or of another version
   */
  public static DataSetManifest fromJson(String json, String where) {
    DataSetManifest manifest;
    try {
      JsonNode tree = JSON.readTree(json);
      JsonNode version = tree.path("formatVersion");
      if (!version.isInt()) {
        throw new InvalidInputException(
            where + " is damaged: it has no formatVersion, expected a data set's manifest");
      }
      if (version.intValue() != FORMAT_VERSION) {
        throw new InvalidInputException(
            where
                + " has format version "
                + version.intValue()
                + ", this library (version "
                + LibraryVersion.current()
                + ") reads format version "
                + FORMAT_VERSION);
      }
      manifest = JSON.treeToValue(tree, DataSetManifest.class);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          where + " is damaged: it is not the JSON of a manifest (" + firstLine(e) + ")", e);
    }
    if (manifest.name == null
        || manifest.fingerprint == null
        || manifest.schema == null
        || manifest.shards.isEmpty()) {
      throw new InvalidInputException(
          where + " is damaged: name, fingerprint, schema or shards are missing");
    }
    return manifest;
  }

  private static String firstLine(JsonProcessingException e) {
    return e.getOriginalMessage().lines().findFirst().orElse("no message");
  }

  /** What is known before the rows are written. */
  public static Builder builder(String name) {
    return new Builder(name);
  }

  /** Collects the parts of a manifest. */
  public static final class Builder {
    private final String name;
    private String generator;
    private Long seed;
    private final Map<String, Object> parameters = new LinkedHashMap<>();
    private long count;
    private long steps;
    private int minLength;
    private int maxLength;
    private List<String> channels = List.of();
    private Integer vocabulary;
    private double valueScale = 1;
    private LabelDescription label = LabelDescription.none();
    private Map<String, Long> splits = Map.of();
    private MissingValues missing;
    private Standardization standardization;
    private TimeDescription time;
    private String fingerprint;
    private List<Shard> shards = List.of();
    private JsonNode schema;

    private Builder(String name) {
      this.name = name;
    }

    /** The task and its seed. */
    public Builder generator(String task, long generatorSeed) {
      this.generator = task;
      this.seed = generatorSeed;
      return this;
    }

    /** One parameter of the generator or of the import. */
    public Builder parameter(String key, Object value) {
      parameters.put(key, value);
      return this;
    }

    /** Names of the channels. */
    public Builder channels(List<String> names) {
      this.channels = List.copyOf(names);
      return this;
    }

    /** Number of tokens. */
    public Builder vocabulary(int size) {
      this.vocabulary = size;
      return this;
    }

    /** What values were divided by. */
    public Builder valueScale(double scale) {
      this.valueScale = scale;
      return this;
    }

    /** The labels. */
    public Builder label(LabelDescription description) {
      this.label = description;
      return this;
    }

    /** What became of missing values. */
    public Builder missing(MissingValues counts) {
      this.missing = counts;
      return this;
    }

    /** What values were standardized by. */
    public Builder standardization(Standardization fitted) {
      this.standardization = fitted;
      return this;
    }

    /** How times came about. */
    public Builder time(TimeDescription description) {
      this.time = description;
      return this;
    }

    /** What writing found out about the rows. */
    public Builder written(
        long rows, long rowSteps, int shortest, int longest, Map<String, Long> splitCounts) {
      this.count = rows;
      this.steps = rowSteps;
      this.minLength = shortest;
      this.maxLength = longest;
      this.splits = splitCounts;
      return this;
    }

    /** The files, the fingerprint of the rows, and the columns in Spark's JSON form. */
    public Builder content(List<Shard> files, String rowFingerprint, String schemaJson) {
      this.shards = files;
      this.fingerprint = rowFingerprint;
      try {
        this.schema = JSON.readTree(schemaJson);
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException("a schema is not JSON", e);
      }
      return this;
    }

    /** Names of the channels so far. */
    public List<String> channels() {
      return channels;
    }

    /** The labels so far. */
    public LabelDescription label() {
      return label;
    }

    /** The manifest. */
    public DataSetManifest build() {
      return new DataSetManifest(
          FORMAT_VERSION,
          LibraryVersion.current(),
          name,
          generator,
          seed,
          parameters,
          count,
          steps,
          minLength,
          maxLength,
          channels,
          vocabulary,
          valueScale,
          label,
          splits,
          missing,
          standardization,
          time,
          fingerprint,
          shards,
          schema);
    }
  }
}
