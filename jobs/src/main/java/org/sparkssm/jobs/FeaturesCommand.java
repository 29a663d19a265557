package org.sparkssm.jobs;

import static org.apache.spark.sql.functions.col;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.ml.Transformer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.SequenceSchema;
import org.sparkssm.ml.RandomLinearCde;
import org.sparkssm.ml.SignatureTransformer;
import org.sparkssm.signature.LogSignatureBasis;
import org.sparkssm.signature.PathTransform;
import org.sparkssm.signature.Window;
import org.sparkssm.spark.FeatureManifest;
import org.sparkssm.spark.FeatureStore;
import org.sparkssm.spark.SequenceDataSet;
import org.sparkssm.spark.SequenceStore;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Turns sequences into feature vectors. */
@Command(
    name = "features",
    description = {
      "Computes one feature vector per sequence and writes them with id, label, split and what else"
          + " the data set has.",
      "Nothing is fitted, so train and test rows are treated alike; the folder keeps the whole"
          + " specification, and so do models trained on it."
    })
final class FeaturesCommand extends SparkCommand {
  /** The kinds of features. */
  enum Kind {
    SIGNATURE("signature"),
    LOGSIGNATURE("logsignature"),
    LINEAR_CDE("linear-cde");

    private final String word;

    Kind(String word) {
      this.word = word;
    }

    static Kind of(String word) {
      return Arrays.stream(values())
          .filter(kind -> kind.word.equals(word))
          .findFirst()
          .orElseThrow(
              () ->
                  new InvalidInputException(
                      "--kind is '" + word + "', expected signature, logsignature or linear-cde"));
    }
  }

  @Option(
      names = "--input",
      required = true,
      paramLabel = "DIR",
      description = "Sequence data set, as written by generate or import.")
  private String input;

  @Option(names = "--output", required = true, paramLabel = "DIR", description = "Where to write.")
  private String output;

  @Option(
      names = "--kind",
      required = true,
      paramLabel = "KIND",
      description = "signature, logsignature, or linear-cde (final state of a random Linear CDE).")
  private String kind;

  @Option(
      names = "--depth",
      paramLabel = "M",
      description = "Truncation level of a signature; default 3.")
  private Integer depth;

  @Option(
      names = "--basis",
      paramLabel = "NAME",
      description = "Basis of a log-signature: expanded, words or lyndon (default).")
  private String basis;

  @Option(
      names = "--transform",
      paramLabel = "NAME,...",
      description =
          "Transforms of the path before its signature, from left to right: time, basepoint,"
              + " lead-lag, invisibility-reset, cumsum.")
  private String transforms;

  @Option(
      names = "--window",
      paramLabel = "WINDOW",
      description = "Windows of a signature: global (default) or dyadic:DEPTH.")
  private String window;

  @Option(
      names = "--state",
      paramLabel = "N",
      description = "State size of a Linear CDE; default 256.")
  private Integer state;

  @Option(
      names = "--solver",
      paramLabel = "NAME",
      description = "Solver of a Linear CDE: euler, rk4 (default) or exponential.")
  private String solver;

  @Option(
      names = "--scaling",
      paramLabel = "X",
      description = "The transitions of a Linear CDE are X N(0, 1) / sqrt(N); default 1.")
  private Double scaling;

  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "Seed of the weights of a Linear CDE; default 0.")
  private Long seed;

  @Option(
      names = "--shards",
      paramLabel = "K",
      description =
          "Number of files, and of tasks; default: two per core, at least 8, more for large inputs.")
  private Integer shards;

  @Override
  protected String plan() {
    return String.format(Locale.ROOT, "%s features of %s to %s", kind, input, output);
  }

  @Override
  protected Map<String, Object> run(SparkSession spark) {
    long start = System.nanoTime();
    Kind checkedKind = Kind.of(kind);
    checkOptions(checkedKind);
    SequenceDataSet source = SequenceStore.read(spark, input);
    FeatureStore.checkOutput(spark, output, common().overwrite);
    Transformer transformer = transformer(checkedKind, source);
    FeatureManifest manifest =
        FeatureStore.write(
            List.of(transformer),
            source,
            balanced(source.rows()),
            specification(transformer),
            output,
            common().overwrite);
    double seconds = (System.nanoTime() - start) / 1e9;
    Map<String, Object> summary = new LinkedHashMap<>();
    summary.put("kind", kind);
    summary.put("output", output);
    summary.put("rows", manifest.count());
    summary.put("features", manifest.width());
    summary.put("bytes", manifest.bytes());
    summary.put("sequencesPerSecond", Math.round(manifest.count() / seconds));
    summary.put("fingerprint", manifest.fingerprint());
    return summary;
  }

  /** An option of another kind of features would be ignored: it is refused. */
  private void checkOptions(Kind checkedKind) {
    boolean cde = checkedKind == Kind.LINEAR_CDE;
    refuse(cde, "--depth", depth);
    refuse(cde, "--transform", transforms);
    refuse(cde, "--window", window);
    refuse(checkedKind != Kind.LOGSIGNATURE, "--basis", basis);
    refuse(!cde, "--state", state);
    refuse(!cde, "--solver", solver);
    refuse(!cde, "--scaling", scaling);
    refuse(!cde, "--seed", seed);
    if (shards != null && shards < 1) {
      throw new InvalidInputException("--shards is " + shards + ", expected at least 1");
    }
  }

  private void refuse(boolean foreign, String name, Object value) {
    if (foreign && value != null) {
      throw new InvalidInputException(name + " does not belong to --kind " + kind);
    }
  }

  private Transformer transformer(Kind checkedKind, SequenceDataSet source) {
    int channels = source.manifest().channels().size();
    if (channels == 0) {
      throw new InvalidInputException(
          "the data set " + input + " has tokens, expected channels of numbers for features");
    }
    boolean timed = Arrays.asList(source.rows().columns()).contains(SequenceSchema.TIMES);
    if (checkedKind == Kind.LINEAR_CDE) {
      return randomLinearCde(channels, timed);
    }
    return signature(checkedKind, channels, timed);
  }

  private Transformer randomLinearCde(int channels, boolean timed) {
    RandomLinearCde cde = new RandomLinearCde("features").setChannels(channels);
    try {
      Optional.ofNullable(state).ifPresent(cde::setStateSize);
      Optional.ofNullable(solver).ifPresent(cde::setSolver);
      Optional.ofNullable(scaling).ifPresent(cde::setScaling);
      Optional.ofNullable(seed).ifPresent(cde::setSeed);
    } catch (IllegalArgumentException e) {
      throw optionError(e);
    }
    return timed ? cde.setTimesCol(SequenceSchema.TIMES) : cde;
  }

  private Transformer signature(Kind checkedKind, int channels, boolean timed) {
    SignatureTransformer signature =
        new SignatureTransformer("features").setChannels(channels).setKind(checkedKind.word);
    try {
      Optional.ofNullable(depth).ifPresent(signature::setDepth);
      Optional.ofNullable(basis)
          .map(LogSignatureBasis::of)
          .map(LogSignatureBasis::label)
          .ifPresent(signature::setBasis);
      Optional.ofNullable(transforms).ifPresent(signature::setTransforms);
      Optional.ofNullable(window).ifPresent(signature::setWindow);
    } catch (InvalidInputException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw optionError(e);
    }
    if (window != null && !Window.parse(window).hasFixedCount()) {
      throw new InvalidInputException(
          "--window is "
              + window
              + ", whose number of windows depends on the sequence; expected global or"
              + " dyadic:DEPTH (SQL's path_windows has the others)");
    }
    boolean usesTimes =
        timed && PathTransform.list(signature.getTransforms()).contains(PathTransform.TIME);
    return usesTimes ? signature.setTimesCol(SequenceSchema.TIMES) : signature;
  }

  private static InvalidInputException optionError(IllegalArgumentException e) {
    return new InvalidInputException(
        e.getMessage().replaceFirst("^features parameter ", "the option "), e);
  }

  /**
   * Shards of equal cost: a small input is spread over enough tasks; a large one has enough and is
   * not moved.
   */
  private Dataset<Row> balanced(Dataset<Row> rows) {
    int parallelism = rows.sparkSession().sparkContext().defaultParallelism();
    int count = shards == null ? Math.max(8, 2 * parallelism) : shards;
    if (shards == null && rows.rdd().getNumPartitions() >= count) {
      return rows;
    }
    return rows.repartition(count, col(SequenceSchema.ID)).sortWithinPartitions(SequenceSchema.ID);
  }

  /** All options, defaults included. */
  private Map<String, Object> specification(Transformer transformer) {
    Map<String, Object> specification = new LinkedHashMap<>();
    specification.put("kind", kind);
    for (var param : transformer.params()) {
      transformer
          .get(param)
          .orElse(() -> transformer.getDefault(param))
          .foreach(value -> specification.put(param.name(), value));
    }
    return specification;
  }
}
