package org.sparkssm.spark;

import java.util.List;
import java.util.Optional;
import org.sparkssm.data.MissingValuePolicy;

/** What an import is told about its source; every setting but format and inputs has a default. */
public final class ImportOptions {
  /** Formats of a source. */
  public enum Format {
    TS,
    CSV,
    PARQUET
  }

  /** What a row of a table is. */
  public enum Layout {
    /** One step of a sequence. */
    LONG,
    /** One sequence; a channel is an array column, or columns NAME_0, NAME_1, ... */
    WIDE,
    /** One sequence; one column holds an array of steps that are arrays of channels. */
    NESTED
  }

  /** How labels are read. */
  public enum LabelType {
    /** Classes for text, booleans and whole numbers, numbers for fractional columns. */
    AUTO,
    CLASS,
    NUMBER
  }

  private final Format format;
  private final List<String> inputs;
  private Layout layout = Layout.LONG;
  private String id;
  private String time;
  private String values = "values";
  private List<String> channels = List.of();
  private String label;
  private String stepLabel;
  private LabelType labelType = LabelType.AUTO;
  private List<String> classes = List.of();
  private String split;
  private double testFraction;
  private long seed;
  private List<String> keep;
  private MissingValuePolicy nulls = MissingValuePolicy.ERROR;
  private boolean standardize;
  private String standardizeFrom;
  private String delimiter = ",";
  private String nullValue = "";
  private int shards;

  /**
   * Options with defaults.
   *
   * @param inputs files, folders or patterns; together one data set
   */
  public ImportOptions(Format format, List<String> inputs) {
    this.format = format;
    this.inputs = List.copyOf(inputs);
  }

  /** What a row of a table is; default LONG. */
  public ImportOptions layout(Layout newLayout) {
    this.layout = newLayout;
    return this;
  }

  /**
   * Column of the sequence's id, whole numbers or text; default "id", or for WIDE and NESTED, where
   * there is no such column, the number of the row.
   */
  public ImportOptions id(String column) {
    this.id = column;
    return this;
  }

  /** Column of times; default "time" for LONG, none otherwise. */
  public ImportOptions time(String column) {
    this.time = column;
    return this;
  }

  /** For NESTED: the column of the arrays; default "values". */
  public ImportOptions values(String column) {
    this.values = column;
    return this;
  }

  /** Columns or names of the channels; default: what is left. */
  public ImportOptions channels(List<String> names) {
    this.channels = List.copyOf(names);
    return this;
  }

  /** Column of the sequence's label; default none. */
  public ImportOptions label(String column) {
    this.label = column;
    return this;
  }

  /** Column of one label per step; default none. */
  public ImportOptions stepLabel(String column) {
    this.stepLabel = column;
    return this;
  }

  /** How labels are read; default AUTO. */
  public ImportOptions labelType(LabelType type) {
    this.labelType = type;
    return this;
  }

  /** Names of the classes in the order of their indices; default: those found, sorted. */
  public ImportOptions classes(List<String> names) {
    this.classes = List.copyOf(names);
    return this;
  }

  /** Column that says train, validation or test; default none. */
  public ImportOptions split(String column) {
    this.split = column;
    return this;
  }

  /** Makes a split: this fraction of the sequences, drawn by seed and id, is for testing. */
  public ImportOptions testFraction(double fraction, long splitSeed) {
    this.testFraction = fraction;
    this.seed = splitSeed;
    return this;
  }

  /** Further columns to keep; default all for WIDE and NESTED, none for LONG. */
  public ImportOptions keep(List<String> columns) {
    this.keep = List.copyOf(columns);
    return this;
  }

  /** What to do about missing values; default ERROR. */
  public ImportOptions nulls(MissingValuePolicy policy) {
    this.nulls = policy;
    return this;
  }

  /** Whether values are standardized by what the training split has. */
  public ImportOptions standardize(boolean whether) {
    this.standardize = whether;
    return this;
  }

  /** Values are standardized by what this data set was standardized by. */
  public ImportOptions standardizeFrom(String dataSet) {
    this.standardizeFrom = dataSet;
    return this;
  }

  /** What separates the fields of a CSV file; default a comma. */
  public ImportOptions delimiter(String text) {
    this.delimiter = text;
    return this;
  }

  /** What stands for a missing value in a CSV file; default nothing. */
  public ImportOptions nullValue(String text) {
    this.nullValue = text;
    return this;
  }

  /** Number of files to write; 0, the default: one for every 64 MiB of input. */
  public ImportOptions shards(int count) {
    this.shards = count;
    return this;
  }

  Format format() {
    return format;
  }

  List<String> inputs() {
    return inputs;
  }

  Layout layout() {
    return layout;
  }

  Optional<String> id() {
    return Optional.ofNullable(id);
  }

  Optional<String> time() {
    return Optional.ofNullable(time);
  }

  String values() {
    return values;
  }

  List<String> channels() {
    return channels;
  }

  Optional<String> label() {
    return Optional.ofNullable(label);
  }

  Optional<String> stepLabel() {
    return Optional.ofNullable(stepLabel);
  }

  LabelType labelType() {
    return labelType;
  }

  List<String> classes() {
    return classes;
  }

  Optional<String> split() {
    return Optional.ofNullable(split);
  }

  double testFraction() {
    return testFraction;
  }

  long seed() {
    return seed;
  }

  Optional<List<String>> keep() {
    return Optional.ofNullable(keep);
  }

  MissingValuePolicy nulls() {
    return nulls;
  }

  boolean standardize() {
    return standardize;
  }

  Optional<String> standardizeFrom() {
    return Optional.ofNullable(standardizeFrom);
  }

  String delimiter() {
    return delimiter;
  }

  String nullValue() {
    return nullValue;
  }

  int shards() {
    return shards;
  }
}
