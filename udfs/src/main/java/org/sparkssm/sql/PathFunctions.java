package org.sparkssm.sql;

import static org.sparkssm.sql.Arguments.integer;
import static org.sparkssm.sql.Arguments.text;

import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.signature.PathTransform;
import org.sparkssm.signature.SignatureSize;
import org.sparkssm.signature.Window;

/** Functions from paths to paths. */
final class PathFunctions {
  private static final DataType FLOATS = DataTypes.createArrayType(DataTypes.FloatType, false);
  private static final DataType DOUBLES = DataTypes.createArrayType(DataTypes.DoubleType, false);
  private static final String VALUES =
      "values - the path: a flat array of numbers, [length x channels] row-major, or an array of"
          + " points, each an array or a struct of numbers";
  private static final String CHANNELS = "channels - the number of channels, a constant";

  /** What an array without elements takes. */
  private static final int ARRAY_BYTES = 16;

  private PathFunctions() {}

  static List<SqlFunction> all() {
    return List.of(
        new SqlFunction(
            "path_time_augment",
            "_FUNC_(values, channels[, times]) - Returns the path with time as first channel.",
            List.of(
                VALUES,
                CHANNELS,
                "times - the times of the points; without it uniform from 0 to 1"),
            "> SELECT _FUNC_(array(5D, 6D, 7D), 1);\n       [0.0,5.0,0.5,6.0,1.0,7.0]",
            PathFunctions::timeAugment),
        transform(
            PathTransform.BASEPOINT,
            "path_basepoint",
            "the path with a zero point before it",
            "> SELECT _FUNC_(array(5D, 6D), 1);\n       [0.0,5.0,6.0]"),
        transform(
            PathTransform.LEAD_LAG,
            "path_lead_lag",
            "the lead-lag path, of twice the channels: those that lead first, then those that lag",
            "> SELECT _FUNC_(array(5D, 6D), 1);\n       [5.0,5.0,6.0,5.0,6.0,6.0]"),
        transform(
            PathTransform.INVISIBILITY_RESET,
            "path_invisibility_reset",
            "the path with a visibility flag as last channel, which goes to zero before the path"
                + " does",
            "> SELECT _FUNC_(array(5D, 6D), 1);\n       [5.0,1.0,6.0,1.0,6.0,0.0,0.0,0.0]"),
        transform(
            PathTransform.CUMSUM,
            "path_cumsum",
            "the path of the running sums of the points",
            "> SELECT _FUNC_(array(5D, 6D), 1);\n       [5.0,11.0]"),
        new SqlFunction(
            "path_windows",
            "_FUNC_(values, channels, kind, size[, step]) - Returns the windows of a path, each a"
                + " flat array of its points.",
            List.of(
                VALUES,
                CHANNELS,
                "kind - 'sliding', 'expanding' or 'dyadic', a constant",
                "size - the points of a sliding window or of the first expanding one, or the"
                    + " depth of a dyadic division, a constant",
                "step - the points from one window to the next, a constant, 1 by default; without"
                    + " meaning for 'dyadic'"),
            "> SELECT _FUNC_(array(1D, 2D, 3D), 1, 'sliding', 2, 1);\n"
                + "       [[1.0,2.0],[2.0,3.0]]",
            PathFunctions::windows));
  }

  private static SqlFunction transform(
      PathTransform transform, String name, String result, String example) {
    return new SqlFunction(
        name,
        "_FUNC_(values, channels) - Returns " + result + ".",
        List.of(VALUES, CHANNELS),
        example,
        arguments -> {
          arguments.require(2, "values", "channels");
          int channels = arguments.constant(1, "channels", 1);
          boolean isFloat = arguments.isFloat(0);
          return arguments.call(
              PathValues.class,
              isFloat ? "transformFloat" : "transformDouble",
              isFloat ? FLOATS : DOUBLES,
              arguments.path(0, "values", channels),
              integer(channels),
              text(transform.label()),
              text(name));
        });
  }

  private static Expression timeAugment(Arguments arguments) {
    arguments.require(2, "values", "channels", "times");
    int channels = arguments.constant(1, "channels", 1);
    boolean isFloat = arguments.isFloat(0);
    Expression path = arguments.path(0, "values", channels);
    Expression times =
        arguments.size() > 2
            ? arguments.doubles(2, "times")
            : NamedInvoke.of(
                null, PathValues.class, "uniformTimes", DOUBLES, List.of(path, integer(channels)));
    return arguments.call(
        PathValues.class,
        isFloat ? "timeAugmentFloat" : "timeAugmentDouble",
        isFloat ? FLOATS : DOUBLES,
        path,
        integer(channels),
        times);
  }

  private static Expression windows(Arguments arguments) {
    arguments.require(4, "values", "channels", "kind", "size", "step");
    int channels = arguments.constant(1, "channels", 1);
    String kind = arguments.constantText(2, "kind", "");
    int size = arguments.constant(3, "size", 0);
    int step = arguments.size() > 4 ? arguments.constant(4, "step", 0) : 1;
    Window window = arguments.checked(() -> Window.of(kind, size, step));
    long maxBytes = Arguments.maxBytes();
    if (window.hasFixedCount()) {
      arguments.checked(
          () ->
              SignatureSize.requireWithin(
                  "a division " + window, window.count(0), ARRAY_BYTES, maxBytes));
    }
    boolean isFloat = arguments.isFloat(0);
    return arguments.call(
        PathValues.class,
        isFloat ? "windowsFloat" : "windowsDouble",
        DataTypes.createArrayType(isFloat ? FLOATS : DOUBLES, false),
        arguments.path(0, "values", channels),
        integer(channels),
        text(window.toString()),
        new Literal(maxBytes, DataTypes.LongType));
  }
}
