package org.sparkssm.ml;

import java.util.Arrays;
import java.util.List;
import org.apache.spark.ml.attribute.Attribute;
import org.apache.spark.ml.attribute.AttributeGroup;
import org.apache.spark.ml.attribute.NumericAttribute;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructType;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.signature.LogSignatureBasis;
import org.sparkssm.signature.PathTransform;
import org.sparkssm.signature.SignatureFeatures;
import org.sparkssm.signature.Window;
import org.sparkssm.spark.PartitionMap;

/**
 * Signature features of sequences: path transforms, windows, then the signature or log-signature of
 * each window ({@link SignatureFeatures}).
 *
 * <p>The input column is a flat array of floats or doubles, {@code [length x channels]} row-major;
 * the number of channels comes from the column's metadata, as data sets have it, or from {@link
 * #channels}. The output is
 *
 * <ul>
 *   <li>an MLlib vector whose ML attributes name the words ({@link #outputType} {@code vector}, the
 *       default), or a flat array of the input's element type ({@code array});
 *   <li>with sliding and expanding windows, whose number depends on the length of a sequence, an
 *       array of these, one a window. Global and dyadic windows stand side by side in one row.
 *       Arrays carry the same attributes as vectors, arrays of windows those of one window.
 * </ul>
 *
 * <p>Many rows go into one call of the kernels; a batch holds at most {@value #BATCH_BYTES} bytes
 * of input and output, or one row. A row of features over the limit {@code
 * spark.ssm.signature.maxBytes} is refused: for global and dyadic windows before anything runs. A
 * missing sequence, a missing or non-finite number and times that do not increase are errors that
 * name the row.
 */
public final class SignatureTransformer extends PathFeatures<SignatureTransformer> {
  private static final long serialVersionUID = 1L;

  static final int BATCH_BYTES = 4 << 20;

  /** With more features than this the metadata has their number, but not their names. */
  private static final int MAX_NAMED_FEATURES = 20_000;

  private final IntParam depth;
  private final Param<String> kind;
  private final Param<String> basis;
  private final Param<String> transforms;
  private final Param<String> window;

  public SignatureTransformer() {
    this(Identifiable$.MODULE$.randomUID("signature"));
  }

  public SignatureTransformer(String uid) {
    super(uid);
    depth = new IntParam(this, "depth", "truncation level", ParamValidators.gtEq(1));
    kind =
        new Param<>(
            this,
            "kind",
            "signature or logsignature",
            ParamValidators.inArray(new String[] {"signature", "logsignature"}));
    basis =
        new Param<>(
            this,
            "basis",
            "coordinates of a log-signature: expanded, words or lyndon",
            ParamValidators.inArray(new String[] {"expanded", "words", "lyndon"}));
    transforms =
        new Param<>(
            this,
            "transforms",
            "transforms of the path, from left to right, separated by commas: time, basepoint,"
                + " lead-lag, invisibility-reset, cumsum");
    window =
        new Param<>(
            this,
            "window",
            "windows over the transformed points: global, sliding:SIZE:STEP,"
                + " expanding:INITIAL:STEP or dyadic:DEPTH");
    setDefault(depth, 3);
    setDefault(kind, "signature");
    setDefault(basis, "lyndon");
    setDefault(transforms, "");
    setDefault(window, "global");
  }

  public IntParam depth() {
    return depth;
  }

  public Param<String> kind() {
    return kind;
  }

  public Param<String> basis() {
    return basis;
  }

  public Param<String> transforms() {
    return transforms;
  }

  public Param<String> window() {
    return window;
  }

  public SignatureTransformer setDepth(int value) {
    set(depth, value);
    return this;
  }

  public SignatureTransformer setKind(String value) {
    set(kind, value);
    return this;
  }

  public SignatureTransformer setBasis(String value) {
    set(basis, value);
    return this;
  }

  /**
   * Sets the list of transforms.
   *
   * @throws InvalidInputException for an unknown name or an impossible order
   */
  public SignatureTransformer setTransforms(String value) {
    PathTransform.list(value);
    set(transforms, value);
    return this;
  }

  /**
   * Sets the windows.
   *
   * @throws InvalidInputException if the text is none of the forms
   */
  public SignatureTransformer setWindow(String value) {
    Window.parse(value);
    set(window, value);
    return this;
  }

  public int getDepth() {
    return (Integer) $(depth);
  }

  public String getKind() {
    return $(kind);
  }

  public String getBasis() {
    return $(basis);
  }

  public String getTransforms() {
    return $(transforms);
  }

  public String getWindow() {
    return $(window);
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = transformSchema(dataset.schema());
    return PartitionMap.apply(dataset.toDF(), schema, batches(dataset.schema()));
  }

  @Override
  public StructType transformSchema(StructType schema) {
    elementType(schema);
    int width = channels(schema);
    SignatureFeatures features = features();
    if (usesTimesColumn()) {
      checkTimes(schema);
    }
    boolean isVector = isVector();
    int bytesPerEntry = isVector ? Double.BYTES : bytesPerElement(schema);
    Window windows = features.window();
    int count = windows.hasFixedCount() ? windows.count(0) : 1;
    features.requireWidth(width, count, bytesPerEntry, SessionLimits.maxBytes());
    DataType one =
        isVector
            ? SQLDataTypes.VectorType()
            : DataTypes.createArrayType(elementType(schema), false);
    DataType type = windows.hasFixedCount() ? one : DataTypes.createArrayType(one, false);
    return Columns.append(schema, getOutputCol(), type, attributes(features, width, count));
  }

  @Override
  public SignatureTransformer copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  public static MLReader<SignatureTransformer> read() {
    return new StageReader<>(SignatureTransformer.class, SignatureTransformer::new);
  }

  public static SignatureTransformer load(String path) {
    return read().load(path);
  }

  private SignatureFeatures features() {
    return new SignatureFeatures(
        SignatureFeatures.Kind.of($(kind)),
        getDepth(),
        LogSignatureBasis.of($(basis)),
        PathTransform.list($(transforms)),
        Window.parse($(window)));
  }

  private SignatureBatches batches(StructType schema) {
    List<String> names = Arrays.asList(schema.fieldNames());
    return new SignatureBatches(
        features(),
        channels(schema),
        schema,
        names.indexOf(getInputCol()),
        usesTimesColumn() ? names.indexOf(getOrDefault(timesCol())) : -1,
        names.indexOf(getOrDefault(idCol())),
        isVector(),
        SessionLimits.maxBytes(),
        BATCH_BYTES);
  }

  private int bytesPerElement(StructType schema) {
    return elementType(schema).equals(DataTypes.FloatType) ? Float.BYTES : Double.BYTES;
  }

  private boolean usesTimesColumn() {
    return isSet(timesCol()) && PathTransform.list($(transforms)).contains(PathTransform.TIME);
  }

  private Metadata attributes(SignatureFeatures features, int width, int windows) {
    long count = features.windowWidth(width) * windows;
    if (count > MAX_NAMED_FEATURES) {
      return new AttributeGroup(getOutputCol(), (int) count).toMetadata();
    }
    Attribute[] attributes =
        features.labels(width, windows).stream()
            .map(label -> NumericAttribute.defaultAttr().withName(label))
            .toArray(Attribute[]::new);
    return new AttributeGroup(getOutputCol(), attributes).toMetadata();
  }
}
