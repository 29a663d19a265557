package org.sparkssm.spark;

import java.util.Comparator;
import java.util.Map;
import java.util.stream.Collectors;
import org.sparkssm.data.InvalidInputException;

/** Indices of class labels by their names. */
final class ClassLabels {
  private static final int SHOWN = 10;

  private ClassLabels() {}

  /**
   * The index of a class.
   *
   * @param sequence what the message calls the sequence
   * @throws InvalidInputException if there is no such class
   */
  static Integer index(Map<String, Integer> classes, String label, String sequence) {
    Integer index = classes.get(label);
    if (index == null) {
      String known =
          classes.entrySet().stream()
              .sorted(Comparator.comparing(Map.Entry::getValue))
              .limit(SHOWN)
              .map(Map.Entry::getKey)
              .collect(Collectors.joining(", "));
      throw new InvalidInputException(
          sequence
              + " has the label '"
              + label
              + "' out of range, expected one of the classes "
              + known
              + (classes.size() > SHOWN ? ", ..." : ""));
    }
    return index;
  }
}
