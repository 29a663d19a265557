package org.sparkssm.jobs;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkssm.jobs.report.Axis;
import org.sparkssm.jobs.report.Html;
import org.sparkssm.jobs.report.Plot;

/** Charts of how a column is distributed. */
final class Distributions {
  private static final int BINS = 30;

  private Distributions() {}

  /**
   * A histogram of numbers; empty if they are all equal.
   *
   * @param numbers one column {@code x}
   * @param axis what they are
   */
  static String numbers(Dataset<Row> numbers, String axis) {
    Row range = numbers.selectExpr("double(min(x))", "double(max(x))").first();
    if (range.isNullAt(0)) {
      return "";
    }
    double low = range.getDouble(0);
    double width = (range.getDouble(1) - low) / BINS;
    if (!(width > 0)) {
      return "";
    }
    double[] heights = new double[BINS];
    String bin = String.format(Locale.ROOT, "least(int((x - %s) / %s), %d)", low, width, BINS - 1);
    for (Row row : numbers.selectExpr(bin + " as bin").groupBy("bin").count().collectAsList()) {
      heights[row.getInt(0)] = row.getLong(1);
    }
    double[] edges = new double[BINS + 1];
    for (int k = 0; k <= BINS; k++) {
      edges[k] = low + k * width;
    }
    double highest = Arrays.stream(heights).max().orElse(1);
    return new Plot(
            "histogram of the " + axis + "s",
            Axis.linear(axis, edges),
            Axis.between("sequences", 0, 1.05 * highest))
        .bars(edges, heights)
        .toHtml();
  }

  /**
   * A bar for each class.
   *
   * @param classes one column {@code x} of class indices
   */
  static String classes(Dataset<Row> classes, List<String> names) {
    long[] counts = new long[names.size()];
    for (Row row : classes.selectExpr("int(x) as x").groupBy("x").count().collectAsList()) {
      counts[row.getInt(0)] = row.getLong(1);
    }
    long most = Arrays.stream(counts).max().orElse(1);
    StringBuilder html = new StringBuilder("<div class=\"bars\">");
    for (int k = 0; k < counts.length; k++) {
      html.append(
          String.format(
              Locale.ROOT,
              "<span>%s</span><i style=\"width:%.1f%%\"></i><b>%d</b>",
              Html.escape(names.get(k)),
              100.0 * counts[k] / Math.max(1, most),
              counts[k]));
    }
    return html.append("</div>").toString();
  }
}
