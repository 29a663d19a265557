package org.sparkssm.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.train.LabelledSequence;

/**
 * Reads labelled sequences from the columns of a data set, checking every row.
 *
 * @param idColumn of integers; empty: a hash of the row's content identifies it
 * @param inputColumn of values (array of float or double) or tokens (array of int)
 * @param tokens whether the input is tokens
 * @param channels C; 0 for tokens
 * @param timesColumn nullable, array of double
 * @param labelColumn a number or class, or an array of them where {@code labelPerStep}
 * @param labelPerStep whether each step has a label
 * @param classes number of classes; 0: labels are numbers
 * @param classNumbers nullable: number of each class name, where the label column holds names
 * @param weights what rows count for
 */
public record SequenceReader(
    String idColumn,
    String inputColumn,
    boolean tokens,
    int channels,
    String timesColumn,
    String labelColumn,
    boolean labelPerStep,
    int classes,
    Map<String, Integer> classNumbers,
    RowWeights weights)
    implements Serializable {

  /**
   * What rows count for.
   *
   * @param weightColumn nullable: 1 each; numbers from 0 on
   * @param validationColumn nullable; rows where this boolean is true validate and do not train
   * @param classWeights nullable: 1 each; training rows count by class too
   */
  @SuppressWarnings("ArrayRecordComponent") // a carrier, never compared
  public record RowWeights(String weightColumn, String validationColumn, double[] classWeights)
      implements Serializable {}

  private static final int WEIGHT = 3;
  private static final int VALIDATION = 4;
  private static final int TIMES = 5;

  /** The sequences of a data set; rows that do not fit fail the job that reads them. */
  public JavaRDD<LabelledSequence> read(Dataset<?> dataset) {
    SequenceReader reader = this;
    Dataset<Row> selected = dataset.select(columns());
    return selected.queryExecution().toRdd().toJavaRDD().map(reader::read);
  }

  private Column[] columns() {
    DataType number = DataTypes.DoubleType;
    Column label = col(quoted(labelColumn));
    Column input = col(quoted(inputColumn));
    List<Column> columns = new ArrayList<>();
    columns.add(idColumn.isEmpty() ? content() : col(quoted(idColumn)).cast(DataTypes.LongType));
    columns.add(
        input.cast(
            DataTypes.createArrayType(tokens ? DataTypes.IntegerType : DataTypes.FloatType)));
    if (classNumbers != null) {
      columns.add(label);
    } else {
      columns.add(label.cast(labelPerStep ? DataTypes.createArrayType(number) : number));
    }
    columns.add(
        weights.weightColumn() == null
            ? lit(1.0)
            : col(quoted(weights.weightColumn())).cast(number));
    columns.add(
        weights.validationColumn() == null
            ? lit(false)
            : col(quoted(weights.validationColumn())).cast(DataTypes.BooleanType));
    if (timesColumn != null) {
      columns.add(col(quoted(timesColumn)).cast(DataTypes.createArrayType(number)));
    }
    return columns.toArray(Column[]::new);
  }

  /** A hash of what a row holds. */
  private Column content() {
    List<Column> columns = new ArrayList<>();
    for (String name :
        Arrays.asList(
            inputColumn,
            labelColumn,
            timesColumn,
            weights.weightColumn(),
            weights.validationColumn())) {
      if (name != null) {
        columns.add(col(quoted(name)));
      }
    }
    return functions.xxhash64(columns.toArray(Column[]::new));
  }

  private static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }

  private LabelledSequence read(InternalRow row) {
    if (row.isNullAt(0)) {
      throw new InvalidInputException(
          "a row has no value in column " + idColumn + ", expected an integer in every row");
    }
    long id = row.getLong(0);
    String name = "the sequence with id " + id;
    ArrayData input = array(row, 1, name, inputColumn);
    double[] times =
        timesColumn == null ? null : array(row, TIMES, name, timesColumn).toDoubleArray();
    LabelledSequence sequence =
        tokens
            ? LabelledSequence.ofTokens(id, name, input.toIntArray(), times, null)
            : LabelledSequence.ofValues(id, name, channels, input.toFloatArray(), times, null);
    return new LabelledSequence(
            id,
            sequence.length(),
            channels,
            sequence.values(),
            times,
            sequence.tokens(),
            labels(row, name, sequence.length()))
        .weighted(weight(row, name), weights.classWeights())
        .markedForValidation(isValidation(row, name));
  }

  private float weight(InternalRow row, String name) {
    double weight = row.isNullAt(WEIGHT) ? Double.NaN : row.getDouble(WEIGHT);
    if (!(weight >= 0 && weight < Float.MAX_VALUE)) {
      throw new InvalidInputException(
          "%s has weight %s in column %s, expected a finite number of at least 0"
              .formatted(
                  name,
                  row.isNullAt(WEIGHT) ? "null" : Double.toString(weight),
                  weights.weightColumn()));
    }
    return (float) weight;
  }

  private boolean isValidation(InternalRow row, String name) {
    if (row.isNullAt(VALIDATION)) {
      throw new InvalidInputException(
          name + " is null in column " + weights.validationColumn() + ", expected true or false");
    }
    return row.getBoolean(VALIDATION);
  }

  private static ArrayData array(InternalRow row, int column, String name, String columnName) {
    if (row.isNullAt(column)) {
      throw new InvalidInputException(
          name + " is null in column " + columnName + ", expected an array");
    }
    ArrayData array = row.getArray(column);
    for (int i = 0; i < array.numElements(); i++) {
      if (array.isNullAt(i)) {
        throw new InvalidInputException(
            name + " has a null at index " + i + " of column " + columnName);
      }
    }
    return array;
  }

  private double[] labels(InternalRow row, String name, int length) {
    if (row.isNullAt(2)) {
      throw new InvalidInputException(
          name + " is null in column " + labelColumn + ", expected a label");
    }
    if (classNumbers != null) {
      String className = row.getUTF8String(2).toString();
      Integer number = classNumbers.get(className);
      if (number == null) {
        throw new InvalidInputException(
            name + " has the label '" + className + "', which is not one of the classes");
      }
      return new double[] {number};
    }
    if (!labelPerStep) {
      return new double[] {checked(row.getDouble(2), name)};
    }
    ArrayData array = row.getArray(2);
    if (array.numElements() != length) {
      throw new InvalidInputException(
          "%s has %d labels, expected %d, one per step"
              .formatted(name, array.numElements(), length));
    }
    double[] labels = new double[length];
    for (int l = 0; l < length; l++) {
      labels[l] = array.isNullAt(l) ? Double.NaN : checked(array.getDouble(l), name);
    }
    return labels;
  }

  private double checked(double label, String name) {
    if (classes > 0 && !(label >= 0 && label < classes && label == Math.rint(label))) {
      throw new InvalidInputException(
          "%s has label %s, expected a class from 0 to %d".formatted(name, label, classes - 1));
    }
    if (!Double.isFinite(label)) {
      throw new InvalidInputException(name + " has label " + label + ", expected a finite number");
    }
    return label;
  }
}
