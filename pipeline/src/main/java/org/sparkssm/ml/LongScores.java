package org.sparkssm.ml;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.util.TaskCompletionListener;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.CarriedState;
import org.sparkssm.model.ModelSpec;
import org.sparkssm.model.Scaling;
import org.sparkssm.model.SequenceBatch;
import org.sparkssm.model.SequenceModel;
import org.sparkssm.model.SequenceModel.CarriedPart;
import org.sparkssm.model.SequenceState;
import org.sparkssm.train.TrainedModel;

/** Predictions of a sequence model along {@link LongSequences}. */
final class LongScores {
  /** Most rows that go through the model at a time. */
  private static final int BATCH_STEPS = 1 << 13;

  private final LongSequences sequences;
  private final SequenceModel model;
  private final Scorer scorer;

  /**
   * The model, as it travels to the tasks.
   *
   * @param isTimed whether times count
   */
  private record Scorer(
      OutputColumns outputs,
      String spec,
      Scaling scaling,
      Broadcast<float[]> parameters,
      Device device,
      boolean isTimed)
      implements Serializable {}

  /** What one part became over a segment. A class and not a record, so that Kryo can carry it. */
  private static final class Found implements Serializable {
    private static final long serialVersionUID = 1L;

    private final PathSegment.Place place;
    private final double[][] after;

    Found(PathSegment.Place place, double[][] after) {
      this.place = place;
      this.after = after;
    }
  }

  LongScores(LongSequences sequences, SequenceModelTransformer<?> transformer) {
    this.sequences = sequences;
    TrainedModel trained = transformer.trainedModel();
    ModelSpec.Input input = trained.spec().input();
    if (input.tokens() || input.channels() != sequences.channels()) {
      throw new InvalidInputException(
          "the sequences have %d channels, the model expects %s"
              .formatted(
                  sequences.channels(),
                  input.tokens() ? "tokens" : Integer.toString(input.channels())));
    }
    model = trained.model();
    scorer =
        new Scorer(
            transformer.outputs(),
            trained.spec().toJson(),
            trained.scaling(),
            JavaSparkContext.fromSparkContext(sequences.spark().sparkContext())
                .broadcast(trained.parameters()),
            SequenceColumns.device(transformer, transformer.device(), sequences.spark()),
            transformer.isSet(transformer.timesCol()));
  }

  Dataset<Row> dataset() {
    Map<PathSegment.Place, CarriedState> carried = carried();
    Scorer shared = scorer;
    Map<PathSegment.Place, PathSegment.Context> contexts = sequences.contexts();
    StructType schema = sequences.keySchema();
    if (scorer.outputs().perStep()) {
      schema =
          Columns.append(schema, "times", DataTypes.createArrayType(DataTypes.DoubleType, false));
    }
    return sequences.dataset(
        sequences
            .chunks()
            .mapPartitionsWithIndex(
                (index, part) -> new Task(shared, contexts, index, part).rows(carried), false),
        scorer.outputs().appendTo(schema));
  }

  /** What is carried to every segment of sequences that have several. */
  private Map<PathSegment.Place, CarriedState> carried() {
    List<CarriedPart> parts = model.carriedParts();
    Map<PathSegment.Place, CarriedState> carried = new HashMap<>();
    for (List<PathSegment> chain : sequences.chains()) {
      for (PathSegment segment : chain) {
        PathSegment.Context context = sequences.contexts().get(segment.place());
        carried.put(segment.place(), model.unknown(context.position(), context.startTime()));
      }
    }
    if (!carried.isEmpty()) {
      parts.forEach(part -> learn(part, carried));
    }
    return carried;
  }

  /** One pass over all segments at the same time, after which one more part is known. */
  private void learn(CarriedPart part, Map<PathSegment.Place, CarriedState> carried) {
    Scorer shared = scorer;
    Map<PathSegment.Place, PathSegment.Context> contexts = sequences.contexts();
    Map<PathSegment.Place, CarriedState> known = new HashMap<>(carried);
    int index = part.index();
    Map<PathSegment.Place, List<double[]>> found = new HashMap<>();
    sequences
        .chunks()
        .mapPartitionsWithIndex(
            (partition, chunks) ->
                new Task(shared, contexts, partition, chunks).found(index, known),
            false)
        .collect()
        .forEach(result -> found.put(result.place, Arrays.asList(result.after)));
    for (List<PathSegment> chain : sequences.chains()) {
      double[] value = found.get(chain.get(0).place()).get(0);
      for (int k = 1; k < chain.size(); k++) {
        PathSegment segment = chain.get(k);
        carried.put(segment.place(), carried.get(segment.place()).with(index, value));
        if (k < chain.size() - 1) {
          value = part.after(segment.points(), found.get(segment.place()), value);
        }
      }
    }
  }

  /** The work on one partition. */
  private static final class Task {
    private final Scorer scorer;
    private final Map<PathSegment.Place, PathSegment.Context> contexts;
    private final int partition;
    private final SegmentReader reader;
    private final SequenceModel model;
    private final Kernels kernels;
    private final Tensor weights;

    Task(
        Scorer scorer,
        Map<PathSegment.Place, PathSegment.Context> contexts,
        int partition,
        Iterator<PathChunk> part) {
      this.scorer = scorer;
      this.contexts = contexts;
      this.partition = partition;
      reader = new SegmentReader(part);
      model = new SequenceModel(ModelSpec.parse(scorer.spec()), scorer.scaling());
      kernels = scorer.device().open();
      TaskCompletionListener close = context -> kernels.close();
      TaskContext.get().addTaskCompletionListener(close);
      weights = kernels.allocate(1, model.layout().size());
      kernels.write(weights, scorer.parameters().value(), 0);
    }

    private PathSegment.Place place() {
      return new PathSegment.Place(partition, reader.number());
    }

    private PathSegment.Context context() {
      PathSegment.Context context = contexts.get(place());
      return context == null ? PathSegment.Context.whole(reader.peek()) : context;
    }

    /**
     * What a part becomes over the segments that are continued.
     *
     * @param known the parts before it, for each segment
     */
    Iterator<Found> found(int index, Map<PathSegment.Place, CarriedState> known) {
      CarriedPart part =
          model.carriedParts().stream().filter(p -> p.index() == index).findFirst().orElseThrow();
      List<Found> found = new ArrayList<>();
      while (reader.nextSegment()) {
        PathSegment.Context context = context();
        if (context.isContinued()) {
          CarriedState before = known.get(place());
          boolean begins = context.previous() == null;
          found.add(new Found(place(), over(part, begins ? List.of(before) : part.probes(before))));
        }
      }
      return found.iterator();
    }

    private double[][] over(CarriedPart part, List<CarriedState> starts) {
      SequenceState state = model.resume(starts);
      int steps = Math.max(1, BATCH_STEPS / starts.size());
      while (reader.hasChunk()) {
        PathChunk chunk = reader.nextChunk();
        for (int from = 0; from < chunk.points(); from += steps) {
          int to = Math.min(chunk.points(), from + steps);
          model.advance(kernels, weights, state, batch(chunk, from, to, starts.size()), part);
        }
      }
      double[][] after = new double[starts.size()][];
      for (int b = 0; b < after.length; b++) {
        after[b] = state.carried(b).part(part.index());
      }
      return after;
    }

    /** The same points, that many times. */
    private SequenceBatch batch(PathChunk chunk, int from, int to, int count) {
      int channels = model.spec().input().channels();
      int steps = to - from;
      int[] lengths = new int[count];
      Arrays.fill(lengths, steps);
      float[] values = new float[count * steps * channels];
      double[] times = scorer.isTimed() ? new double[count * steps] : null;
      for (int b = 0; b < count; b++) {
        System.arraycopy(
            chunk.values(), from * channels, values, b * steps * channels, steps * channels);
        if (times != null) {
          System.arraycopy(chunk.times(), from, times, b * steps, steps);
        }
      }
      return new SequenceBatch(
          new long[count], Segments.ofLengths(lengths), channels, values, times, null, null, false);
    }

    /**
     * The rows of sequences that end here, or of all chunks where every step has a prediction.
     *
     * @param carried to the segments of sequences that have several
     */
    Iterator<InternalRow> rows(Map<PathSegment.Place, CarriedState> carried) {
      return new Rows(carried);
    }

    private final class Rows implements Iterator<InternalRow> {
      private final Map<PathSegment.Place, CarriedState> carried;
      private SequenceState state;
      private InternalRow ready;

      Rows(Map<PathSegment.Place, CarriedState> carried) {
        this.carried = carried;
      }

      @Override
      public boolean hasNext() {
        while (ready == null && (reader.hasChunk() || begin())) {
          PathChunk chunk = reader.nextChunk();
          if (state != null) {
            score(chunk);
          }
        }
        return ready != null;
      }

      /** Goes to the next segment; it has no state if it gives no row. */
      private boolean begin() {
        if (!reader.nextSegment()) {
          return false;
        }
        boolean givesRows = scorer.outputs().perStep() || !context().isContinued();
        CarriedState start = carried.getOrDefault(place(), model.unknown(0, 0));
        state = givesRows ? model.resume(List.of(start)) : null;
        return true;
      }

      private void score(PathChunk chunk) {
        int points = chunk.points();
        float[] scores = model.advance(kernels, weights, state, batch(chunk, 0, points, 1));
        List<Object> columns = new ArrayList<>();
        columns.add(UTF8String.fromString(reader.key()));
        if (scorer.outputs().perStep()) {
          columns.add(UnsafeArrayData.fromPrimitiveArray(chunk.times()));
        } else if (reader.hasChunk()) {
          return;
        }
        Collections.addAll(columns, scorer.outputs().of(scores, 0, points));
        ready = new GenericInternalRow(columns.toArray());
      }

      @Override
      public InternalRow next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        InternalRow row = ready;
        ready = null;
        return row;
      }
    }
  }
}
