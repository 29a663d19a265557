package org.sparkssm.sql;

import static org.sparkssm.sql.Arguments.integer;
import static org.sparkssm.sql.Arguments.maxBytes;
import static org.sparkssm.sql.Arguments.text;

import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.sparkssm.signature.LogSignatureBasis;
import org.sparkssm.signature.SignatureKernel;
import org.sparkssm.signature.SignatureSize;

/** Functions whose result or argument is a signature. */
final class SignatureFunctions {
  private static final DataType FLOATS = DataTypes.createArrayType(DataTypes.FloatType, false);
  private static final DataType DOUBLES = DataTypes.createArrayType(DataTypes.DoubleType, false);
  private static final String VALUES =
      "values - the path: a flat array of numbers, [length x channels] row-major, or an array of"
          + " points, each an array or a struct of numbers";
  private static final String CHANNELS = "channels - the number of channels, a constant";
  private static final String DEPTH = "depth - the truncation level, a constant";

  private SignatureFunctions() {}

  static List<SqlFunction> all() {
    return List.of(
        new SqlFunction(
            "path_signature",
            "_FUNC_(values, channels, depth) - Returns the truncated signature of a piecewise"
                + " linear path, without the leading 1: levels ascending, words in lexicographic"
                + " order.",
            List.of(VALUES, CHANNELS, DEPTH),
            "> SELECT _FUNC_(array(0D, 0D, 1D, 2D), 2, 2);\n       [1.0,2.0,0.5,1.0,1.0,2.0]",
            SignatureFunctions::signature),
        new SqlFunction(
            "path_logsignature",
            "_FUNC_(values, channels, depth[, basis]) - Returns the logarithm of the signature of"
                + " a path.",
            List.of(
                VALUES,
                CHANNELS,
                DEPTH,
                "basis - 'lyndon' (coefficients of the Lyndon brackets, the default), 'words'"
                    + " (entries at the Lyndon words) or 'expanded' (entries at all words)"),
            "> SELECT _FUNC_(array(0D, 0D, 1D, 0D, 1D, 1D), 2, 2);\n       [1.0,1.0,0.5]",
            SignatureFunctions::logSignature),
        new SqlFunction(
            "path_signature_kernel",
            "_FUNC_(x, y, channels[, dyadic_order]) - Returns the signature kernel of two paths,"
                + " the inner product of their signatures over all levels.",
            List.of(
                "x - a path, as for path_signature",
                "y - a path of as many channels",
                CHANNELS,
                "dyadic_order - every cell of the grid is divided into 2^dyadic_order squared, a"
                    + " constant, 0 by default"),
            "> SELECT _FUNC_(array(0D, 1D), array(0D, 0D), 1);\n       1.0",
            SignatureFunctions::signatureKernel),
        new SqlFunction(
            "signature_combine",
            "_FUNC_(a, b, channels, depth) - Returns the Chen product of two signatures: that of"
                + " the path of a followed by the path of b.",
            List.of("a - a signature", "b - a signature", CHANNELS, DEPTH),
            "> SELECT _FUNC_(array(1D, 0.5D), array(1D, 0.5D), 1, 2);\n       [2.0,2.0]",
            SignatureFunctions::combine),
        new SqlFunction(
            "signature_inverse",
            "_FUNC_(signature, channels, depth) - Returns the inverse of a signature, which is"
                + " that of the path run backwards.",
            List.of("signature - a signature", CHANNELS, DEPTH),
            "> SELECT _FUNC_(array(1D, 0.5D), 1, 2);\n       [-1.0,0.5]",
            SignatureFunctions::inverse),
        new SqlFunction(
            "signature_log",
            "_FUNC_(signature, channels, depth[, basis]) - Returns the logarithm of a signature.",
            List.of(
                "signature - a signature",
                CHANNELS,
                DEPTH,
                "basis - 'expanded' (the default), 'words' or 'lyndon'"),
            "> SELECT _FUNC_(array(1D, 0.5D), 1, 2);\n       [1.0,0.0]",
            SignatureFunctions::log),
        new SqlFunction(
            "signature_words",
            "_FUNC_(channels, depth) - Returns the words that label the entries of a signature.",
            List.of(CHANNELS, DEPTH),
            "> SELECT _FUNC_(2, 2);\n       [\"1\",\"2\",\"1,1\",\"1,2\",\"2,1\",\"2,2\"]",
            SignatureFunctions::words));
  }

  private static Expression signature(Arguments arguments) {
    arguments.require(3, "values", "channels", "depth");
    int channels = arguments.constant(1, "channels", 1);
    int depth = arguments.constant(2, "depth", 1);
    boolean isFloat = arguments.isFloat(0);
    requireWidth(arguments, channels, depth, isFloat);
    return arguments.call(
        PathValues.class,
        isFloat ? "signatureFloat" : "signatureDouble",
        isFloat ? FLOATS : DOUBLES,
        arguments.path(0, "values", channels),
        integer(channels),
        integer(depth));
  }

  private static Expression logSignature(Arguments arguments) {
    arguments.require(3, "values", "channels", "depth", "basis");
    int channels = arguments.constant(1, "channels", 1);
    int depth = arguments.constant(2, "depth", 1);
    LogSignatureBasis basis =
        arguments.checked(() -> LogSignatureBasis.of(arguments.constantText(3, "basis", "lyndon")));
    requireWidth(arguments, channels, depth, false);
    return arguments.call(
        PathValues.class,
        "logSignature",
        DOUBLES,
        arguments.doublePath(0, "values", channels),
        integer(channels),
        integer(depth),
        text(basis.label()));
  }

  private static Expression signatureKernel(Arguments arguments) {
    arguments.require(3, "x", "y", "channels", "dyadic_order");
    int channels = arguments.constant(2, "channels", 1);
    int order = arguments.size() > 3 ? arguments.constant(3, "dyadic_order", 0) : 0;
    arguments.checked(() -> SignatureKernel.linear(channels, order));
    return arguments.call(
        PathValues.class,
        "signatureKernel",
        DataTypes.DoubleType,
        arguments.doublePath(0, "x", channels),
        arguments.doublePath(1, "y", channels),
        integer(channels),
        integer(order));
  }

  private static Expression combine(Arguments arguments) {
    arguments.require(4, "a", "b", "channels", "depth");
    int channels = arguments.constant(2, "channels", 1);
    int depth = arguments.constant(3, "depth", 1);
    requireWidth(arguments, channels, depth, false);
    return arguments.call(
        PathValues.class,
        "combine",
        DOUBLES,
        arguments.doubles(0, "a"),
        arguments.doubles(1, "b"),
        integer(channels),
        integer(depth));
  }

  private static Expression inverse(Arguments arguments) {
    arguments.require(3, "signature", "channels", "depth");
    int channels = arguments.constant(1, "channels", 1);
    int depth = arguments.constant(2, "depth", 1);
    requireWidth(arguments, channels, depth, false);
    return arguments.call(
        PathValues.class,
        "inverse",
        DOUBLES,
        arguments.doubles(0, "signature"),
        integer(channels),
        integer(depth));
  }

  private static Expression log(Arguments arguments) {
    arguments.require(3, "signature", "channels", "depth", "basis");
    int channels = arguments.constant(1, "channels", 1);
    int depth = arguments.constant(2, "depth", 1);
    LogSignatureBasis basis =
        arguments.checked(
            () -> LogSignatureBasis.of(arguments.constantText(3, "basis", "expanded")));
    requireWidth(arguments, channels, depth, false);
    return arguments.call(
        PathValues.class,
        "log",
        DOUBLES,
        arguments.doubles(0, "signature"),
        integer(channels),
        integer(depth),
        text(basis.label()));
  }

  private static Expression words(Arguments arguments) {
    arguments.require(2, "channels", "depth");
    int channels = arguments.constant(0, "channels", 1);
    int depth = arguments.constant(1, "depth", 1);
    arguments.checked(
        () ->
            SignatureSize.requireWithin(
                "the words of " + channels + " channels up to depth " + depth,
                SignatureSize.width(channels, depth),
                labelBytes(channels, depth),
                maxBytes()));
    return arguments.call(
        PathValues.class,
        "words",
        DataTypes.createArrayType(DataTypes.StringType, false),
        integer(channels),
        integer(depth));
  }

  /** The bytes of the longest word: as many numbers as {@code depth}, and commas. */
  private static int labelBytes(int channels, int depth) {
    return (int)
        Math.min(Integer.MAX_VALUE, (long) depth * (Integer.toString(channels).length() + 1));
  }

  private static void requireWidth(Arguments arguments, int channels, int depth, boolean isFloat) {
    arguments.checked(
        () ->
            SignatureSize.requireWidth(
                channels, depth, isFloat ? Float.BYTES : Double.BYTES, maxBytes()));
  }
}
