package org.sparkssm.jobs.report;

import com.github.weisj.jsvg.SVGDocument;
import com.github.weisj.jsvg.parser.SVGLoader;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;

/** A {@link Plot} as a PNG image, in the light colours of the page and with the legend below. */
public final class PlotImage {
  private static final int ENLARGEMENT = 3;
  private static final int LEGEND_ROW = 18;
  private static final int LEGEND_COLUMN = 210;

  private static final List<String> COLOURS =
      List.of(
          "#2463c9", "#d9731a", "#2a9066", "#8a4fc0", "#c23b4e", "#7a6a10", "#168aa5", "#6b7785");

  private static final String STYLE =
      """
      text { font-family: sans-serif; }
      .grid { stroke: #dfe5ec; stroke-width: 1; }
      .frame { stroke: #5d6b7c; stroke-width: 1; }
      .tick { fill: #5d6b7c; font-size: 11px; }
      .title { fill: #1b2430; font-size: 12px; }
      .middle { text-anchor: middle; }
      .end { text-anchor: end; }
      .line { fill: none; stroke-width: 1.8; }
      .level { fill: none; stroke: #5d6b7c; stroke-width: 1.2; stroke-dasharray: 2 4; }
      .guide { fill: none; stroke: #d9731a; stroke-width: 1.4; stroke-dasharray: 5 4; }
      .point { fill: #2463c9; fill-opacity: 0.45; }
      .bar { fill: #2463c9; fill-opacity: 0.8; }
      .band { fill-opacity: 0.18; }
      """;

  private PlotImage() {}

  /** The image's bytes. */
  public static byte[] png(Plot plot) throws IOException {
    SVGDocument document =
        new SVGLoader()
            .load(
                new ByteArrayInputStream(standalone(plot).getBytes(StandardCharsets.UTF_8)),
                null,
                com.github.weisj.jsvg.parser.LoaderContext.createDefault());
    int width = Plot.WIDTH * ENLARGEMENT;
    int height = (Plot.HEIGHT + legendHeight(plot)) * ENLARGEMENT;
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    try {
      graphics.setColor(Color.WHITE);
      graphics.fillRect(0, 0, width, height);
      graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
      graphics.setRenderingHint(
          RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
      graphics.scale(ENLARGEMENT, ENLARGEMENT);
      document.render(null, graphics);
    } finally {
      graphics.dispose();
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(image, "png", bytes);
    return bytes.toByteArray();
  }

  private static int legendHeight(Plot plot) {
    return plot.legend().size() < 2 ? 0 : LEGEND_ROW * ((plot.legend().size() + 1) / 2) + 8;
  }

  private static String standalone(Plot plot) {
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\"><style>%s</style>"
            .formatted(Plot.WIDTH, Plot.HEIGHT + legendHeight(plot), STYLE));
    svg.append(coloured(plot.content()));
    for (int i = 0; i < plot.legend().size() && plot.legend().size() > 1; i++) {
      double x = 58 + (i % 2) * LEGEND_COLUMN;
      double y = Plot.HEIGHT + 10 + (i / 2) * LEGEND_ROW;
      svg.append(
          String.format(
              Locale.ROOT,
              coloured("<path class=\"line s" + i + "\" d=\"M%.0f,%.0fL%.0f,%.0f\"/>")
                  + "<text class=\"title\" x=\"%.0f\" y=\"%.0f\">%s</text>",
              x,
              y,
              x + 16,
              y,
              x + 22,
              y + 4,
              Html.escape(plot.legend().get(i))));
    }
    return svg.append("</svg>").toString();
  }

  /** The page's style sheet selects colours by two classes, which the renderer does not know. */
  private static String coloured(String svg) {
    String coloured = svg;
    for (int i = 0; i < COLOURS.size(); i++) {
      String colour = COLOURS.get(i);
      coloured =
          coloured
              .replace("class=\"line s" + i + "\"", "class=\"line\" stroke=\"" + colour + "\"")
              .replace("class=\"dot s" + i + "\"", "fill=\"" + colour + "\"")
              .replace("class=\"band s" + i + "\"", "class=\"band\" fill=\"" + colour + "\"");
    }
    return coloured;
  }
}
