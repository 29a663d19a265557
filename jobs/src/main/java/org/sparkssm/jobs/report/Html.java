package org.sparkssm.jobs.report;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Pieces of HTML. Arguments are plain text and are escaped, but for {@code html} ones. */
public final class Html {
  private Html() {}

  /** Text with the characters that mean something in HTML replaced. */
  public static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  /** A list of facts. */
  public static String facts(Map<String, String> facts) {
    StringBuilder html = new StringBuilder("<dl>");
    facts.forEach(
        (name, value) ->
            html.append(
                "<div><dt>%s</dt><dd>%s</dd></div>".formatted(escape(name), escape(value))));
    return html.append("</dl>").toString();
  }

  /** A table; the columns from the {@code numbers}th on are aligned as numbers. */
  public static String table(List<String> head, List<List<String>> rows, int numbers) {
    StringBuilder html = new StringBuilder("<div class=\"scroll\"><table><thead><tr>");
    for (int c = 0; c < head.size(); c++) {
      html.append("<th%s>%s</th>".formatted(style(c, numbers), escape(head.get(c))));
    }
    html.append("</tr></thead><tbody>");
    for (List<String> row : rows) {
      html.append("<tr>");
      for (int c = 0; c < row.size(); c++) {
        html.append("<td%s>%s</td>".formatted(style(c, numbers), escape(row.get(c))));
      }
      html.append("</tr>");
    }
    return html.append("</tbody></table></div>").toString();
  }

  private static String style(int column, int numbers) {
    return column >= numbers ? " class=\"number\"" : "";
  }

  /** A chart with a caption. */
  public static String figure(String caption, String chartHtml) {
    return "<figure>%s<figcaption>%s</figcaption></figure>".formatted(chartHtml, escape(caption));
  }

  /** A card with a heading. */
  public static String card(String id, String kicker, String heading, String bodyHtml) {
    return "<section class=\"card\" id=\"%s\"><p class=\"kicker\">%s</p><h2>%s</h2>%s</section>"
        .formatted(escape(id), escape(kicker), escape(heading), bodyHtml);
  }

  /** A whole page that needs nothing else. */
  public static String page(String title, String subtitle, String bodyHtml) {
    return """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>%s</title>
        <style>
        %s</style></head>
        <body><header><h1>%s</h1><p>%s</p></header>
        <main>%s</main></body></html>
        """
        .formatted(escape(title), style(), escape(title), escape(subtitle), bodyHtml);
  }

  /**
   * A piece for a page that has a style of its own, such as a notebook. Neither style touches the
   * other.
   */
  public static String fragment(String bodyHtml) {
    return """
        <div class="fragment"><style>@scope (.fragment) {
        %s:scope { background: var(--card); color: var(--ink); padding: 8px; }
        }</style>
        <div class="charts">%s</div></div>
        """
        .formatted(style().replace(":root", ":scope"), bodyHtml);
  }

  private static String style() {
    try (InputStream in = Html.class.getResourceAsStream("report.css")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("the report's style sheet is missing", e);
    }
  }
}
