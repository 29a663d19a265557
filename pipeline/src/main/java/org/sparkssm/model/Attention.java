package org.sparkssm.model;

import org.sparkssm.kernel.CausalAttention;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.kernel.Upload;

/**
 * Causal softmax attention (Vaswani et al. 2017, arXiv 1706.03762) with H heads of key and value
 * size K, the baseline whose state grows with the sequence:
 *
 * <pre>
 * (q, k, v) = x in_proj^T                                 [T, 3 H K]
 * q, k      = rotated by their positions                  Su et al. 2021, arXiv 2104.09864
 * out       = softmax(q k^T / sqrt(K), causal) v out_proj^T
 * </pre>
 *
 * <p>Pair i of K / 2 turns by {@code position 10000^(-2 i / K)}. A transformer block is this layer
 * followed by a block with a gated unit.
 *
 * <p>Options: {@code heads} H (4), {@code key} K (D / H rounded up to an even number), {@code
 * positions} rotary or none (rotary).
 */
final class Attention implements Layer {
  private static final double GREATEST_PERIOD = 10000;

  private final int heads;
  private final int key;
  private final int columns;
  private final boolean rotary;
  private final Dense inProjection;
  private final Dense outProjection;
  private final StateSlot keys;
  private final StateSlot values;

  Attention(Options options, LayerSetting setting, ParameterLayout layout) {
    int width = setting.width();
    heads = options.integer("heads", 4, 1);
    int share = (width + heads - 1) / heads;
    key = options.integer("key", share + share % 2, 1);
    columns = heads * key;
    rotary = options.word("positions", "rotary", "rotary", "none").equals("rotary");
    if (rotary && key % 2 == 1) {
      throw options.unfit("key", "an even number for rotary positions");
    }
    inProjection = new Dense(width, 3 * columns, false, layout.child("in_proj"));
    outProjection = new Dense(columns, width, false, layout.child("out_proj"));
    keys = layout.addGrowingState("k", columns);
    values = layout.addGrowingState("v", columns);
  }

  @Override
  public Backward forward(Pass pass, Tensor x, Tensor y) {
    Tensor all = pass.allocate(3 * columns);
    Backward inBackward = inProjection.forward(pass, x, all);
    Rotation rotation = rotary ? new Rotation(pass) : null;
    if (rotary) {
      rotation.turn(queriesAndKeys(all), false);
    }
    CausalAttention attention =
        new CausalAttention(
            pass.segments(),
            pass.carries() ? pass.grownSegments() : pass.segments(),
            heads,
            all.columnRange(0, columns),
            pass.grow(keys, all.columnRange(columns, 2 * columns)),
            pass.grow(values, all.columnRange(2 * columns, 3 * columns)),
            pass.allocate(columns),
            pass.allocate(heads));
    pass.kernels().causalAttentionForward(attention);
    Backward outBackward = outProjection.forward(pass, attention.o(), y);
    return (dy, dx) -> {
      Tensor dO = pass.allocate(columns);
      outBackward.run(dy, dO);
      Tensor dAll = pass.allocate(3 * columns);
      pass.kernels()
          .causalAttentionBackward(
              attention,
              new CausalAttention.Gradients(
                  dO,
                  dAll.columnRange(0, columns),
                  dAll.columnRange(columns, 2 * columns),
                  dAll.columnRange(2 * columns, 3 * columns)));
      if (rotary) {
        rotation.turn(queriesAndKeys(dAll), true);
      }
      inBackward.run(dAll, dx);
    };
  }

  private Tensor queriesAndKeys(Tensor all) {
    return all.columnRange(0, 2 * columns);
  }

  /** The positions of a pass and the angles that belong to them. */
  private final class Rotation {
    private final Pass pass;
    private final int[] positions;
    private final Tensor angles;

    Rotation(Pass pass) {
      this.pass = pass;
      Segments segments = pass.segments();
      positions = new int[segments.rows()];
      long first = Long.MAX_VALUE;
      long end = 0;
      for (int b = 0; b < segments.batch(); b++) {
        first = Math.min(first, pass.position(b));
        end = Math.max(end, pass.position(b) + segments.length(b));
      }
      for (int b = 0; b < segments.batch(); b++) {
        for (int l = 0; l < segments.length(b); l++) {
          positions[segments.offset(b) + l] = (int) (pass.position(b) - first) + l;
        }
      }
      angles = table(first, Math.toIntExact(Math.max(0, end - first)));
    }

    /** Cosines and sines of positions {@code first} on; brings the pass's positions, too. */
    private Tensor table(long first, int count) {
      int pairs = key / 2;
      double[] values = new double[count * key];
      for (int p = 0; p < count; p++) {
        for (int i = 0; i < pairs; i++) {
          double angle = (first + p) * Math.pow(GREATEST_PERIOD, -2.0 * i / key);
          values[p * key + i] = Math.cos(angle);
          values[p * key + pairs + i] = Math.sin(angle);
        }
      }
      Upload upload = new Upload().tensor(count, key, values).array(positions);
      return pass.kernels().upload(upload).get(0);
    }

    void turn(Tensor x, boolean inverse) {
      pass.kernels().rotate(positions, angles, inverse, x, x);
    }
  }
}
