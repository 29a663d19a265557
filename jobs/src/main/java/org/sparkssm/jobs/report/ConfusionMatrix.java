package org.sparkssm.jobs.report;

import java.util.List;
import java.util.Locale;

/** A confusion matrix as an HTML table, shaded by the share of each row. */
public final class ConfusionMatrix {
  private ConfusionMatrix() {}

  /**
   * The table.
   *
   * @param counts by [label][prediction]
   * @param names of the classes
   */
  public static String toHtml(long[][] counts, List<String> names) {
    StringBuilder html =
        new StringBuilder(
            "<div class=\"scroll\"><table class=\"confusion\"><caption>rows: label, columns:"
                + " prediction</caption><thead><tr><th></th>");
    names.forEach(name -> html.append("<th>%s</th>".formatted(Html.escape(name))));
    html.append("<th class=\"number\">recall</th></tr></thead><tbody>");
    for (int label = 0; label < counts.length; label++) {
      long total = 0;
      for (long count : counts[label]) {
        total += count;
      }
      html.append("<tr><th>%s</th>".formatted(Html.escape(names.get(label))));
      for (int prediction = 0; prediction < counts.length; prediction++) {
        html.append(cell(counts[label][prediction], total, label == prediction));
      }
      String recall =
          total == 0
              ? ""
              : String.format(Locale.ROOT, "%.3f", counts[label][label] / (double) total);
      html.append("<td class=\"number recall\">%s</td></tr>".formatted(recall));
    }
    return html.append("</tbody></table></div>").toString();
  }

  private static String cell(long count, long total, boolean right) {
    double share = total == 0 ? 0 : count / (double) total;
    return String.format(
        Locale.ROOT,
        "<td class=\"%s\" style=\"--share:%.3f\">%s</td>",
        right ? "right" : "wrong",
        share,
        count == 0 ? "" : Long.toString(count));
  }
}
