package org.sparkssm.jobs.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A small chart as inline SVG: lines, points or bars over two {@link Axis axes}. Colours come from
 * the page's style by class: {@code s0}, {@code s1}, ... by series.
 */
public final class Plot {
  static final int WIDTH = 440;
  static final int HEIGHT = 270;
  private static final int LEFT = 68;
  private static final int RIGHT = 14;
  private static final int TOP = 14;
  private static final int BOTTOM = 42;

  private final String description;
  private final Axis x;
  private final Axis y;
  private final StringBuilder marks = new StringBuilder();
  private final List<String> legend = new ArrayList<>();

  /**
   * An empty chart.
   *
   * @param description what it shows, for readers who do not see it
   */
  public Plot(String description, Axis x, Axis y) {
    this.description = description;
    this.x = x;
    this.y = y;
  }

  /** A line through the points, broken where a value cannot be drawn. */
  public Plot line(String name, double[] xs, double[] ys) {
    StringBuilder path = new StringBuilder();
    boolean pen = false;
    for (int i = 0; i < xs.length; i++) {
      boolean drawn = x.holds(xs[i]) && y.holds(ys[i]);
      if (drawn) {
        path.append(pen ? "L" : "M").append(point(xs[i], ys[i]));
      }
      pen = drawn;
    }
    marks.append("<path class=\"line s%d\" d=\"%s\"/>".formatted(legend.size(), path));
    if (xs.length <= 40) {
      for (int i = 0; i < xs.length; i++) {
        if (x.holds(xs[i]) && y.holds(ys[i])) {
          marks.append(circle(xs[i], ys[i], 2.6, "dot s" + legend.size()));
        }
      }
    }
    legend.add(name);
    return this;
  }

  /** The area between two lines, in the colour of the line that is drawn next. */
  public Plot band(double[] xs, double[] lows, double[] highs) {
    StringBuilder path = new StringBuilder();
    for (int i = 0; i < xs.length; i++) {
      if (x.holds(xs[i]) && y.holds(lows[i])) {
        path.append(path.isEmpty() ? "M" : "L").append(point(xs[i], lows[i]));
      }
    }
    for (int i = xs.length - 1; i >= 0; i--) {
      if (x.holds(xs[i]) && y.holds(highs[i])) {
        path.append("L").append(point(xs[i], highs[i]));
      }
    }
    marks.append("<path class=\"band s%d\" d=\"%sZ\"/>".formatted(legend.size(), path));
    return this;
  }

  /** What others found: a dashed line in the colour of the line drawn last. */
  public Plot reference(double[] xs, double[] ys) {
    StringBuilder path = new StringBuilder();
    for (int i = 0; i < xs.length; i++) {
      if (x.holds(xs[i]) && y.holds(ys[i])) {
        path.append(path.isEmpty() ? "M" : "L").append(point(xs[i], ys[i]));
      }
    }
    marks.append(
        "<path class=\"line s%d\" stroke-dasharray=\"4 4\" d=\"%s\"/>"
            .formatted(legend.size() - 1, path));
    return this;
  }

  /**
   * What others found: a bar from {@code low} to {@code high} in the colour of the line drawn last.
   */
  public Plot reference(double at, double low, double high) {
    if (x.holds(at) && y.holds(low) && y.holds(high)) {
      double from = vertical(low) + 1.5;
      double to = Math.min(vertical(high) - 1.5, from - 3);
      marks.append(
          String.format(
              Locale.ROOT,
              "<path class=\"line s%d\" style=\"stroke-width: 5; stroke-linecap: butt\" d=\"M%.1f,%.1fL%.1f,%.1f\"/>",
              legend.size() - 1,
              horizontal(at),
              from,
              horizontal(at),
              to));
    }
    return this;
  }

  /** A dashed level with its name at the right end. */
  public Plot level(String name, double value) {
    marks.append(
        "<path class=\"level\" d=\"M%sL%s\"/>"
            .formatted(point(x.low(), value), point(x.high(), value)));
    marks.append(text("tick end", WIDTH - RIGHT - 3, vertical(value) - 4, name));
    return this;
  }

  /** Points. */
  public Plot points(double[] xs, double[] ys) {
    for (int i = 0; i < xs.length; i++) {
      if (x.holds(xs[i]) && y.holds(ys[i])) {
        marks.append(circle(xs[i], ys[i], 2.2, "point"));
      }
    }
    return this;
  }

  /** The line of equal values. */
  public Plot diagonal() {
    double from = Math.max(x.low(), y.low());
    double to = Math.min(x.high(), y.high());
    marks.append(
        "<path class=\"guide\" d=\"M%sL%s\"/>".formatted(point(from, from), point(to, to)));
    return this;
  }

  /** Bars from zero, one from each edge to the next. */
  public Plot bars(double[] edges, double[] heights) {
    for (int i = 0; i < heights.length; i++) {
      double left = horizontal(edges[i]);
      double right = horizontal(edges[i + 1]);
      double top = vertical(heights[i]);
      marks.append(
          String.format(
              Locale.ROOT,
              "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
              left + 0.5,
              top,
              Math.max(0.5, right - left - 1),
              Math.max(0, vertical(0) - top)));
    }
    return this;
  }

  /** The chart, with its legend where there is more than one line. */
  public String toHtml() {
    StringBuilder html = new StringBuilder(toSvg());
    if (legend.size() > 1) {
      html.append("<p class=\"legend\">");
      for (int i = 0; i < legend.size(); i++) {
        html.append(
            "<span><i class=\"key k%d\"></i>%s</span>".formatted(i, Html.escape(legend.get(i))));
      }
      html.append("</p>");
    }
    return html.toString();
  }

  /** Names of the lines, in order. */
  List<String> legend() {
    return legend;
  }

  /** The chart alone; colours and fonts are the page's. */
  String toSvg() {
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">"
            .formatted(WIDTH, HEIGHT, Html.escape(description)));
    svg.append(content());
    return svg.append("</svg>").toString();
  }

  /** Axes and marks, as SVG elements. */
  String content() {
    StringBuilder svg = new StringBuilder();
    for (double tick : x.ticks()) {
      double at = horizontal(tick);
      svg.append(line("grid", at, TOP, at, HEIGHT - BOTTOM));
      svg.append(text("tick middle", at, HEIGHT - BOTTOM + 15, Axis.text(tick)));
    }
    for (double tick : y.ticks()) {
      double at = vertical(tick);
      svg.append(line("grid", LEFT, at, WIDTH - RIGHT, at));
      svg.append(text("tick end", LEFT - 6, at + 4, Axis.text(tick)));
    }
    svg.append(line("frame", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM));
    svg.append(text("title middle", (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, x.title()));
    double middle = (TOP + HEIGHT - BOTTOM) / 2.0;
    svg.append(
        String.format(
            Locale.ROOT,
            "<text class=\"title middle\" transform=\"translate(13,%.1f) rotate(-90)\">%s</text>",
            middle,
            Html.escape(y.title())));
    return svg.append(marks).toString();
  }

  private String circle(double xValue, double yValue, double radius, String style) {
    return String.format(
        Locale.ROOT,
        "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>",
        style,
        horizontal(xValue),
        vertical(yValue),
        radius);
  }

  private static String line(String style, double x1, double y1, double x2, double y2) {
    return String.format(
        Locale.ROOT,
        "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
        style,
        x1,
        y1,
        x2,
        y2);
  }

  private static String text(String style, double atX, double atY, String text) {
    return String.format(
        Locale.ROOT,
        "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>",
        style,
        atX,
        atY,
        Html.escape(text));
  }

  private String point(double xValue, double yValue) {
    return String.format(Locale.ROOT, "%.1f,%.1f", horizontal(xValue), vertical(yValue));
  }

  private double horizontal(double value) {
    return LEFT + x.position(value) * (WIDTH - LEFT - RIGHT);
  }

  private double vertical(double value) {
    return HEIGHT - BOTTOM - y.position(value) * (HEIGHT - TOP - BOTTOM);
  }
}
