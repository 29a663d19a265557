package org.sparkssm.data;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.io.Serializable;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What the labels of a data set are.
 *
 * @param kind numbers, classes or none
 * @param perSequence whether the column {@code label} is there
 * @param perStep whether the column {@code labels} is there
 * @param classes names of the classes by index; empty unless {@code kind} is CLASS
 * @param scale what numbers were divided by; 1 for none
 */
public record LabelDescription(
    Kind kind, boolean perSequence, boolean perStep, List<String> classes, double scale)
    implements Serializable {
  /** Kinds of labels. */
  public enum Kind {
    NONE,
    NUMBER,
    CLASS
  }

  /** Takes a copy of the names. */
  public LabelDescription {
    classes = classes == null ? List.of() : List.copyOf(classes);
  }

  /** No labels. */
  public static LabelDescription none() {
    return new LabelDescription(Kind.NONE, false, false, List.of(), 1);
  }

  /** A number per sequence, divided by {@code scale}. */
  public static LabelDescription number(double scale) {
    return new LabelDescription(Kind.NUMBER, true, false, List.of(), scale);
  }

  /** A number per step. */
  public static LabelDescription numberPerStep() {
    return new LabelDescription(Kind.NUMBER, false, true, List.of(), 1);
  }

  /** A class per sequence. */
  public static LabelDescription classes(List<String> names) {
    return new LabelDescription(Kind.CLASS, true, false, names, 1);
  }

  /** A class per step, and possibly one for the sequence from the same set. */
  public static LabelDescription classesPerStep(List<String> names, boolean perSequence) {
    return new LabelDescription(Kind.CLASS, perSequence, true, names, 1);
  }

  /** The names "0", "1", ... of classes that have no other. */
  public static List<String> numbered(int count) {
    return IntStream.range(0, count).mapToObj(Integer::toString).toList();
  }

  /** Number of classes; 0 for numbers. */
  @JsonIgnore
  public int classCount() {
    return classes.size();
  }
}
