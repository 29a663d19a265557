package org.sparkssm.spark;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LabelDescription;

/**
 * Reads what a selected row of a foreign table has beside its values: label, split, further
 * columns.
 *
 * @param labelColumn -1 for none
 * @param label what the labels are
 * @param classes index of each class
 * @param splitColumn -1 for none
 * @param firstKept the further columns are this one and those after it
 * @param keptTypes of the further columns
 */
record RowRoles(
    int labelColumn,
    LabelDescription label,
    Map<String, Integer> classes,
    int splitColumn,
    int firstKept,
    List<DataType> keptTypes)
    implements Serializable {

  boolean labelsAreClasses() {
    return label.kind() == LabelDescription.Kind.CLASS;
  }

  /** The label of a sequence: an Integer (class index) or a Double; null where there are none. */
  Object label(InternalRow row, String sequence) {
    if (!label.perSequence()) {
      return null;
    }
    if (row.isNullAt(labelColumn)) {
      throw new InvalidInputException(sequence + " has no label, expected one");
    }
    return labelsAreClasses()
        ? classIndex(row.getUTF8String(labelColumn).toString(), sequence)
        : (Object) row.getDouble(labelColumn);
  }

  /** The index of a class. */
  Integer classIndex(String name, String sequence) {
    return ClassLabels.index(classes, name, sequence);
  }

  /** The split as the source has it; null for none. */
  String split(InternalRow row) {
    return splitColumn < 0 || row.isNullAt(splitColumn)
        ? null
        : row.getUTF8String(splitColumn).toString();
  }

  /** Copies of the further columns' values. */
  Object[] kept(InternalRow row) {
    Object[] kept = new Object[keptTypes.size()];
    for (int k = 0; k < kept.length; k++) {
      kept[k] = InternalRow.copyValue(row.get(firstKept + k, keptTypes.get(k)));
    }
    return kept;
  }
}
