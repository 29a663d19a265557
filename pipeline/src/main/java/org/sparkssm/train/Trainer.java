package org.sparkssm.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.model.Parameter;
import org.sparkssm.model.SequenceModel;

/**
 * Synchronous training: every step takes one gradient sum of a global batch from the {@link
 * GradientExchange}, divides it once by the number of labels, limits its norm, and makes one AdamW
 * step. Given the data, the model and the settings, the parameters are the same bits for every
 * exchange.
 */
public final class Trainer {
  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  private final SequenceModel model;
  private final TrainingSettings settings;
  private final EpochOrder order;
  private final GradientExchange exchange;
  private final TrainingListener listener;

  private final float[] parameters;
  private final List<EpochRecord> history = new ArrayList<>();
  private float[] best;
  private int bestEpoch;
  private LossSums epochSums = LossSums.ZERO;
  private long sequences;
  private long started;
  private double stepSeconds;
  private double lastProgress;

  /**
   * @param order of as many rows and micro-shards as the exchange has
   */
  public Trainer(
      SequenceModel model,
      TrainingSettings settings,
      EpochOrder order,
      GradientExchange exchange,
      TrainingListener listener) {
    this.model = model;
    this.settings = settings;
    this.order = order;
    this.exchange = exchange;
    this.listener = listener;
    double[] initial = model.layout().initialValues(model.spec().seed());
    this.parameters = new float[initial.length];
    for (int i = 0; i < initial.length; i++) {
      parameters[i] = (float) initial[i];
    }
  }

  /**
   * Trains from the initial parameters.
   *
   * @param kernels for the optimizer
   * @throws NonFiniteException naming step and place if a number stops being finite
   * @throws CancellationException if the thread is interrupted
   */
  public TrainingResult train(Kernels kernels) {
    started = System.nanoTime();
    Optimizer optimizer = new Optimizer(kernels);
    for (int epoch = 1; epoch <= settings.epochs(); epoch++) {
      epochSums = LossSums.ZERO;
      for (long batch = 0; batch < order.stepsPerEpoch(); batch++) {
        step(optimizer, epoch, batch);
      }
      endEpoch(epoch);
      if (settings.maxSeconds() > 0 && seconds() >= settings.maxSeconds()) {
        break;
      }
    }
    return new TrainingResult(
        best == null ? parameters : best,
        List.copyOf(history),
        best == null ? history.size() : bestEpoch,
        seconds(),
        sequences / stepSeconds);
  }

  private void step(Optimizer optimizer, int epoch, long batch) {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("training was interrupted");
    }
    double before = seconds();
    long step = (epoch - 1) * order.stepsPerEpoch() + batch + 1;
    GradientSum sum = exchange.gradient(parameters, new ShardStep(step, epoch, batch));
    if (sum.failure() != null) {
      throw new NonFiniteException(
          "training stopped at step %d of epoch %d: %s; a smaller learning rate may help"
              .formatted(step, epoch, sum.failure()));
    }
    epochSums = epochSums.plus(sum.sums());
    if (sum.sums().weight() > 0) {
      optimizer.step(sum, step);
    }
    sequences += Math.min(order.batchSize(), order.rows() - batch * order.batchSize());
    stepSeconds += seconds() - before;
    progress(epoch, step);
  }

  private void progress(int epoch, long step) {
    double now = seconds();
    if (now - lastProgress < 1) {
      return;
    }
    lastProgress = now;
    long steps = order.stepsPerEpoch() * settings.epochs();
    listener.progresses(
        new TrainingListener.Progress(
            epoch,
            settings.epochs(),
            step,
            steps,
            epochSums.loss() / epochSums.weight(),
            sequences / stepSeconds,
            now / step * (steps - step)));
  }

  private void endEpoch(int epoch) {
    Map<String, Double> validation =
        Metrics.of(model.spec().head().kind(), exchange.evaluate(parameters));
    long steps = epoch * order.stepsPerEpoch();
    history.add(
        new EpochRecord(
            epoch,
            steps,
            epochSums.weight() == 0 ? 0 : epochSums.loss() / epochSums.weight(),
            rate(steps),
            validation,
            seconds()));
    if (settings.keepBest()
        && !validation.isEmpty()
        && (best == null
            || Metrics.areBetter(validation, history.get(bestEpoch - 1).validation()))) {
      best = parameters.clone();
      bestEpoch = epoch;
    }
    listener.epochEnds(history.get(epoch - 1));
  }

  private double rate(long step) {
    long total = order.stepsPerEpoch() * settings.epochs();
    long warmup = Math.round(settings.warmupFraction() * total);
    return settings.schedule().rate(settings.learningRate(), 0, warmup, total, step - 1);
  }

  private double seconds() {
    return (System.nanoTime() - started) * 1e-9;
  }

  /** AdamW's state, and the parameters on the device. */
  private final class Optimizer {
    private final Kernels kernels;
    private final Tensor weights;
    private final Tensor gradient;
    private final Tensor first;
    private final Tensor second;

    Optimizer(Kernels kernels) {
      this.kernels = kernels;
      weights = kernels.zeros(1, parameters.length);
      gradient = kernels.zeros(1, parameters.length);
      first = kernels.zeros(1, parameters.length);
      second = kernels.zeros(1, parameters.length);
      kernels.write(weights, parameters, 0);
    }

    /** Moves {@link #parameters} by the mean gradient. */
    void step(GradientSum sum, long step) {
      scale(sum, step);
      kernels.write(gradient, sum.gradient(), 0);
      for (int from = 0; from < parameters.length; ) {
        int to = groupEnd(from);
        boolean decayed = parameterAt(from).decayed();
        kernels.adamStep(
            new Kernels.AdamStep(
                rate(step), BETA1, BETA2, EPSILON, decayed ? settings.weightDecay() : 0, true),
            step,
            weights.slice(from, 1, to - from),
            gradient.slice(from, 1, to - from),
            first.slice(from, 1, to - from),
            second.slice(from, 1, to - from));
        from = to;
      }
      kernels.read(weights, parameters, 0);
    }

    /** Divides by the weight and limits the norm, in one multiplication. */
    private void scale(GradientSum sum, long step) {
      float[] values = sum.gradient();
      double squares = 0;
      for (float value : values) {
        squares += (double) value * value;
      }
      double norm = Math.sqrt(squares) / sum.sums().weight();
      if (!Double.isFinite(norm)) {
        throw new NonFiniteException(
            "training stopped at step " + step + ": the norm of the gradient is " + norm);
      }
      double factor = 1 / sum.sums().weight();
      if (settings.gradientClip() > 0 && norm > settings.gradientClip()) {
        factor *= settings.gradientClip() / norm;
      }
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (values[i] * factor);
      }
    }
  }

  private Parameter parameterAt(int offset) {
    return model.layout().parameters().stream()
        .filter(p -> p.offset() == offset)
        .findFirst()
        .orElseThrow();
  }

  /** Where the run of parameters of one kind of decay ends; all of them without weight decay. */
  private int groupEnd(int from) {
    if (settings.weightDecay() == 0) {
      return parameters.length;
    }
    boolean decayed = parameterAt(from).decayed();
    return model.layout().parameters().stream()
        .filter(p -> p.offset() > from && p.decayed() != decayed)
        .mapToInt(Parameter::offset)
        .min()
        .orElse(parameters.length);
  }
}
