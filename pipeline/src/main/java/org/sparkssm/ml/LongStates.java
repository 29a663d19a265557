package org.sparkssm.ml;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.util.TaskCompletionListener;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.RandomLinearCdeStates;

/**
 * States of a random Linear CDE along {@link LongSequences}. Over a segment the state passes as
 * {@code z -> F z + v}: the flow F of the equation without drive, and the state v that comes of
 * zero.
 */
final class LongStates {
  private final LongSequences sequences;
  private final Equation equation;

  /**
   * The equation, as it travels to the tasks.
   *
   * @param output schema with the key and the state
   * @param isTimed whether times count
   */
  record Equation(StateRows rows, StructType output, boolean isTimed) implements Serializable {}

  /** How the state passes a segment. A class and not a record, so that Kryo can carry it. */
  private static final class Flow implements Serializable {
    private static final long serialVersionUID = 1L;

    private final PathSegment.Place place;
    private final float[] images;
    private final float[] state;

    /**
     * @param images nullable, [N, N]: row j is what comes of the state e_j without drive; null: the
     *     sequence begins here
     * @param state [N], what comes of the state zero, or of the beginning
     */
    Flow(PathSegment.Place place, float[] images, float[] state) {
      this.place = place;
      this.images = images;
      this.state = state;
    }

    double[] after(double[] before) {
      double[] after = new double[state.length];
      for (int n = 0; n < after.length; n++) {
        after[n] = state[n];
      }
      for (int j = 0; images != null && j < after.length; j++) {
        for (int n = 0; n < after.length; n++) {
          after[n] += before[j] * images[j * after.length + n];
        }
      }
      return after;
    }
  }

  LongStates(LongSequences sequences, Equation equation) {
    this.sequences = sequences;
    this.equation = equation;
  }

  Dataset<Row> dataset() {
    Map<PathSegment.Place, float[]> joined = joined();
    Equation shared = equation;
    Map<PathSegment.Place, PathSegment.Context> contexts = sequences.contexts();
    return sequences.dataset(
        sequences
            .chunks()
            .mapPartitionsWithIndex(
                (index, part) -> new Task(shared, contexts, index, part).rows(joined), false),
        equation.output());
  }

  /** The final states of sequences of several segments, by the last one. */
  private Map<PathSegment.Place, float[]> joined() {
    Map<PathSegment.Place, float[]> states = new HashMap<>();
    if (sequences.chains().isEmpty()) {
      return states;
    }
    Equation shared = equation;
    Map<PathSegment.Place, PathSegment.Context> contexts = sequences.contexts();
    Map<PathSegment.Place, Flow> flows = new HashMap<>();
    sequences
        .chunks()
        .mapPartitionsWithIndex(
            (index, part) -> new Task(shared, contexts, index, part).flows(), false)
        .collect()
        .forEach(flow -> flows.put(flow.place, flow));
    for (List<PathSegment> chain : sequences.chains()) {
      double[] state = null;
      for (PathSegment segment : chain) {
        state = flows.get(segment.place()).after(state);
      }
      float[] last = new float[state.length];
      for (int n = 0; n < last.length; n++) {
        last[n] = (float) state[n];
      }
      states.put(chain.get(chain.size() - 1).place(), last);
    }
    return states;
  }

  /** The work on one partition. */
  private static final class Task {
    private final Equation equation;
    private final Map<PathSegment.Place, PathSegment.Context> contexts;
    private final int partition;
    private final SegmentReader reader;
    private final RandomLinearCdeStates states;
    private final int channels;

    Task(
        Equation equation,
        Map<PathSegment.Place, PathSegment.Context> contexts,
        int partition,
        Iterator<PathChunk> part) {
      this.equation = equation;
      this.contexts = contexts;
      this.partition = partition;
      this.reader = new SegmentReader(part);
      StateRows rows = equation.rows();
      Kernels kernels = rows.device().open();
      TaskCompletionListener close = context -> kernels.close();
      TaskContext.get().addTaskCompletionListener(close);
      channels = rows.channels();
      states =
          new RandomLinearCdeStates(
              kernels, channels, rows.stateSize(), rows.solver(), rows.scaling(), rows.seed());
    }

    private PathSegment.Place place() {
      return new PathSegment.Place(partition, reader.number());
    }

    Iterator<Flow> flows() {
      List<Flow> flows = new ArrayList<>();
      while (reader.nextSegment()) {
        PathSegment.Context context = contexts.get(place());
        if (context != null && !context.isWhole()) {
          flows.add(flow(context));
        }
      }
      return flows.iterator();
    }

    /** The rows of sequences that end here. */
    Iterator<InternalRow> rows(Map<PathSegment.Place, float[]> joined) {
      List<InternalRow> rows = new ArrayList<>();
      while (reader.nextSegment()) {
        PathSegment.Context context = contexts.get(place());
        if (context == null) {
          context = PathSegment.Context.whole(reader.peek());
        }
        String key = reader.key();
        if (context.isWhole()) {
          rows.add(row(key, flow(context).state));
        } else if (!context.isContinued()) {
          rows.add(row(key, joined.get(place())));
        }
      }
      return rows.iterator();
    }

    private InternalRow row(String key, float[] state) {
      for (float number : state) {
        if (!Float.isFinite(number)) {
          throw new InvalidInputException(
              "the state of sequence %s is not finite: its path moves too far; scale the values down"
                  .formatted(key));
        }
      }
      return new GenericInternalRow(
          new Object[] {
            UTF8String.fromString(key),
            equation.rows().asVector()
                ? DenseVectors.of(state)
                : UnsafeArrayData.fromPrimitiveArray(state)
          });
    }

    private Flow flow(PathSegment.Context context) {
      int size = equation.rows().stateSize();
      boolean begins = context.previous() == null;
      float[] images = begins ? null : identity(size);
      float[] state =
          begins
              ? states.initialState(new RandomLinearCdeStates.Path(first(reader.peek()), null))
              : new float[size];
      float[] point = begins ? first(reader.peek()) : context.previous().lastPoint();
      double time = begins ? reader.peek().times()[0] : context.previous().lastTime();
      int skipped = begins ? 1 : 0;
      PathSegment.Place place = place();
      while (reader.hasChunk()) {
        PathChunk chunk = reader.nextChunk();
        float[] increments = increments(chunk, skipped, point, time, context);
        states.advance(increments, state, true);
        if (images != null) {
          states.advance(increments, images, false);
        }
        skipped = 0;
        int end = chunk.points() - 1;
        time = chunk.times()[end];
        point = new float[channels];
        System.arraycopy(chunk.values(), end * channels, point, 0, channels);
      }
      return new Flow(place, images, state);
    }

    private float[] first(PathChunk chunk) {
      float[] point = new float[channels];
      System.arraycopy(chunk.values(), 0, point, 0, channels);
      return point;
    }

    /** [points - skipped, 1 + channels], of time and of the channels, from the point before. */
    private float[] increments(
        PathChunk chunk, int skipped, float[] point, double time, PathSegment.Context context) {
      int width = channels + 1;
      float[] increments = new float[(chunk.points() - skipped) * width];
      float[] values = chunk.values();
      double span = context.endTime() - context.startTime();
      int k = 0;
      for (int l = skipped; l < chunk.points(); l++) {
        double before = l == 0 ? time : chunk.times()[l - 1];
        increments[k++] =
            (float)
                (equation.isTimed()
                    ? (chunk.times()[l] - before) / span
                    : 1.0 / (context.totalPoints() - 1));
        for (int c = 0; c < channels; c++) {
          float from = l == 0 ? point[c] : values[(l - 1) * channels + c];
          increments[k++] = values[l * channels + c] - from;
        }
      }
      return increments;
    }

    private static float[] identity(int size) {
      float[] identity = new float[size * size];
      for (int n = 0; n < size; n++) {
        identity[n * size + n] = 1;
      }
      return identity;
    }
  }
}
