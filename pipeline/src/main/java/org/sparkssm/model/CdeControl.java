package org.sparkssm.model;

import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;

/** Where the increments of a linear CDE's control come from: [T, W] from the rows of a batch. */
interface CdeControl {
  /** W. */
  int channels();

  /** The increments of every step. */
  Tensor forward(Pass pass, Tensor x);

  /**
   * The backward of {@link #forward}, given the gradient of the increments.
   *
   * @param dx out
   */
  void backward(Pass pass, Tensor x, Tensor dDOmega, Tensor dx);

  /** See {@link Layer#requireCausal}. */
  default void requireCausal(String where) {}

  /** Reads options {@code control}, {@code controls} and {@code step}. */
  static CdeControl of(Options options, LayerSetting setting, ParameterLayout layout) {
    String kind = options.word("control", "increments", "increments", "values", "tokens");
    if (kind.equals("increments")) {
      return new IncrementControl(options.integer("controls", 8, 1), setting, layout);
    }
    StepSize step = new StepSize(options.number("step", 0, 0, Double.MAX_VALUE));
    if (kind.equals("values")) {
      return new ValueControl(options.integer("controls", 8, 1), step, setting, layout);
    }
    if (setting.vocabulary() == 0) {
      throw options.unfit("control", "increments or values where the model reads no tokens");
    }
    return new TokenControl(setting.vocabulary(), step);
  }

  /** The projection of the rows to the channels that follow time. */
  static Parameter projection(int controls, LayerSetting setting, ParameterLayout layout) {
    Initializer initializer = Initializer.normal(1 / Math.sqrt(setting.width()));
    return layout.addWeight("control.weight", controls, setting.width(), initializer);
  }

  /**
   * The length of a step: as given, or 1 / length of the sequence.
   *
   * @param given 0: 1 / length
   */
  record StepSize(double given) {
    private double of(Segments segments, int sequence) {
      return given > 0 ? given : 1.0 / Math.max(1, segments.length(sequence));
    }

    /** {@code y[r, :] += h x[r, :]} with h of the row's sequence. */
    void addScaled(Pass pass, Tensor x, Tensor y) {
      Segments segments = pass.segments();
      for (int b = 0; b < segments.batch(); b++) {
        int first = segments.offset(b);
        int end = first + segments.length(b);
        pass.kernels().addScaled(of(segments, b), x.rowRange(first, end), y.rowRange(first, end));
      }
    }

    void requireCausal(String where) {
      if (given == 0) {
        throw new InvalidInputException(
            where
                + " has steps of 1 / length, expected a step above 0 to go step by step, where the"
                + " length is not known");
      }
    }
  }

  /** The rows are the path: d omega = (dt, dp) with p = x control^T and the origin before it. */
  final class IncrementControl implements CdeControl {
    private final int channels;
    private final Parameter projection;
    private final StateSlot lastPoint;
    private final StateSlot lastTime;

    private IncrementControl(int controls, LayerSetting setting, ParameterLayout layout) {
      channels = controls + 1;
      projection = projection(controls, setting, layout);
      lastPoint = layout.addState("point", controls, Carry.lastRows(1));
      lastTime = layout.addState("time", 1, Carry.lastRows(1));
    }

    @Override
    public int channels() {
      return channels;
    }

    @Override
    public Tensor forward(Pass pass, Tensor x) {
      Tensor path = pass.allocate(channels - 1);
      pass.kernels().gemm(false, true, 1, x, pass.value(projection), 0, path);
      Tensor dOmega = pass.allocate(channels);
      Tensor point = pass.before(lastPoint);
      Tensor origin =
          point != null ? point : pass.kernels().zeros(pass.segments().batch(), channels - 1);
      Tensor time = dOmega.columnRange(0, 1);
      Tensor ofPath = dOmega.columnRange(1, channels);
      pass.kernels().differenceForward(pass.segments(), pass.times(), pass.before(lastTime), time);
      pass.kernels().differenceForward(pass.segments(), path, origin, ofPath);
      if (pass.carries()) {
        pass.carryLastRow(lastPoint, path);
        pass.carryLastRow(lastTime, pass.times());
      }
      return dOmega;
    }

    @Override
    public void backward(Pass pass, Tensor x, Tensor dDOmega, Tensor dx) {
      Segments segments = pass.segments();
      Tensor dDifferences = dDOmega.columnRange(1, channels);
      Tensor dPath = pass.allocate(channels - 1);
      pass.kernels().differenceBackward(segments, dDifferences, dPath);
      for (int b = 0; b < segments.batch(); b++) {
        if (segments.length(b) > 0) {
          int first = segments.offset(b);
          pass.kernels()
              .addScaled(
                  1, dDifferences.rowRange(first, first + 1), dPath.rowRange(first, first + 1));
        }
      }
      projectionBackward(pass, projection, x, dPath, dx);
    }
  }

  /** The rows are the path's derivative: d omega = (1, p) h. */
  final class ValueControl implements CdeControl {
    private final int channels;
    private final StepSize step;
    private final Parameter projection;

    private ValueControl(
        int controls, StepSize step, LayerSetting setting, ParameterLayout layout) {
      this.channels = controls + 1;
      this.step = step;
      this.projection = projection(controls, setting, layout);
    }

    @Override
    public int channels() {
      return channels;
    }

    @Override
    public void requireCausal(String where) {
      step.requireCausal(where);
    }

    @Override
    public Tensor forward(Pass pass, Tensor x) {
      Tensor slope = pass.allocate(channels);
      pass.kernels().fill(slope.columnRange(0, 1), 1);
      Tensor path = slope.columnRange(1, channels);
      pass.kernels().gemm(false, true, 1, x, pass.value(projection), 0, path);
      Tensor dOmega = pass.kernels().zeros(slope.rows(), channels);
      step.addScaled(pass, slope, dOmega);
      return dOmega;
    }

    @Override
    public void backward(Pass pass, Tensor x, Tensor dDOmega, Tensor dx) {
      Tensor dPath = pass.kernels().zeros(dDOmega.rows(), channels - 1);
      step.addScaled(pass, dDOmega.columnRange(1, channels), dPath);
      projectionBackward(pass, projection, x, dPath, dx);
    }
  }

  /** A token is a direction: d omega = h e_token, which selects the token's A_i. */
  final class TokenControl implements CdeControl {
    private final int vocabulary;
    private final StepSize step;

    private TokenControl(int vocabulary, StepSize step) {
      this.vocabulary = vocabulary;
      this.step = step;
    }

    @Override
    public int channels() {
      return vocabulary;
    }

    @Override
    public void requireCausal(String where) {
      step.requireCausal(where);
    }

    @Override
    public Tensor forward(Pass pass, Tensor x) {
      Tensor identity = pass.kernels().zeros(vocabulary, vocabulary);
      Tensor diagonal = pass.kernels().allocate(1, 1);
      pass.kernels().fill(diagonal, 1);
      for (int i = 0; i < vocabulary; i++) {
        pass.kernels().copy(diagonal, identity.rowRange(i, i + 1).columnRange(i, i + 1));
      }
      Tensor oneHot = pass.allocate(vocabulary);
      pass.kernels().embeddingForward(pass.tokens(), identity, oneHot);
      Tensor dOmega = pass.kernels().zeros(oneHot.rows(), vocabulary);
      step.addScaled(pass, oneHot, dOmega);
      return dOmega;
    }

    @Override
    public void backward(Pass pass, Tensor x, Tensor dDOmega, Tensor dx) {
      pass.kernels().fill(dx, 0);
    }
  }

  private static void projectionBackward(
      Pass pass, Parameter projection, Tensor x, Tensor dPath, Tensor dx) {
    pass.kernels().gemm(true, false, 1, dPath, x, 1, pass.gradient(projection));
    pass.kernels().gemm(false, false, 1, dPath, pass.value(projection), 0, dx);
  }
}
