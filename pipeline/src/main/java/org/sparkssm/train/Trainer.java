package org.sparkssm.train;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.model.LossSums;
import org.sparkssm.model.NonFiniteException;
import org.sparkssm.model.SequenceModel;

/**
 * Synchronous training: every step takes one gradient sum of a global batch from the {@link
 * GradientExchange}, divides it once by the weight of the labels, limits its norm, and makes one
 * step of the {@link Optimizer}. Given the data, the model and the settings, the parameters are the
 * same bits for every exchange, and for a training that was interrupted and goes on from a {@link
 * TrainingState}.
 *
 * <p>Where several workers share a training, each runs this class on the same sums.
 */
public final class Trainer {
  private final SequenceModel model;
  private final TrainingSettings settings;
  private final EpochOrder order;
  private final GradientExchange exchange;
  private final TrainingListener listener;

  private Optimizer optimizer;
  private long step;
  private final List<EpochRecord> history = new ArrayList<>();
  private float[] best;
  private int bestEpoch;
  private LossSums epochSums = LossSums.ZERO;
  private long sequences;
  private double stepSeconds;
  private double secondsBefore;
  private long started;
  private long firstStep;
  private double lastProgress;
  private long nextKept;
  private long lastKept;

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
  }

  /** Trains from the initial parameters; the state is not kept. */
  public TrainingResult train(Kernels kernels) {
    return train(kernels, TrainingState.initial(model), StateKeeper.NONE);
  }

  /**
   * Trains from a state on; the last state is kept too.
   *
   * @param kernels for the optimizer; where the exchange computes on the same ones, the parameters
   *     stay on their device
   * @param start of the same model, settings and data
   * @param keeper told of states to go on from
   * @throws NonFiniteException naming step and place if a number stops being finite
   * @throws CancellationException if the thread is interrupted
   */
  public TrainingResult train(Kernels kernels, TrainingState start, StateKeeper keeper) {
    begin(kernels, start);
    while (epoch() <= settings.epochs() && !isStale() && !timeIsUp()) {
      do {
        step();
        if (step % order.stepsPerEpoch() == 0) {
          endEpoch();
        }
        keep(keeper);
      } while (step % order.stepsPerEpoch() != 0);
    }
    if (step != lastKept) {
      hand(keeper);
    }
    return new TrainingResult(
        best == null ? optimizer.weights().values() : best,
        List.copyOf(history),
        best == null ? history.size() : bestEpoch,
        seconds(),
        stepSeconds == 0 ? 0 : sequences / stepSeconds);
  }

  private void begin(Kernels kernels, TrainingState start) {
    step = start.step();
    epochSums = start.epochSums();
    history.addAll(start.history());
    best = start.best();
    bestEpoch = start.bestEpoch();
    sequences = start.sequences();
    stepSeconds = start.stepSeconds();
    secondsBefore = start.seconds();
    started = System.nanoTime();
    lastProgress = secondsBefore;
    firstStep = step + 1;
    lastKept = step;
    optimizer = new Optimizer(kernels, model.layout(), settings.optimizer(), start);
  }

  /** The epoch of the next step, from 1. */
  private int epoch() {
    return Math.toIntExact(step / order.stepsPerEpoch()) + 1;
  }

  /** Whether validation has not improved for too many epochs. */
  private boolean isStale() {
    return settings.patience() > 0
        && step % order.stepsPerEpoch() == 0
        && history.size() - bestEpoch >= settings.patience();
  }

  /** Asked between epochs; all workers get the answer of the first. */
  private boolean timeIsUp() {
    return settings.maxSeconds() > 0
        && step > 0
        && step % order.stepsPerEpoch() == 0
        && exchange.agreed(seconds() >= settings.maxSeconds() ? 1 : 0) == 1;
  }

  private void step() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("training was interrupted");
    }
    double before = seconds();
    int epoch = epoch();
    long batch = step % order.stepsPerEpoch();
    if (batch == 0) {
      epochSums = LossSums.ZERO;
    }
    step++;
    GradientSum sum = exchange.gradient(optimizer.weights(), new ShardStep(step, epoch, batch));
    if (sum.failure() != null) {
      throw new NonFiniteException(
          "training stopped at step %d of epoch %d: %s; a smaller learning rate may help"
              .formatted(step, epoch, sum.failure()));
    }
    epochSums = epochSums.plus(sum.sums());
    if (sum.sums().weight() > 0) {
      optimizer.step(sum, step, rate(step));
    }
    sequences += Math.min(order.batchSize(), order.rows() - batch * order.batchSize());
    stepSeconds += seconds() - before;
    progress(epoch);
  }

  /** Hands the state over when it is due, and agrees on when it is due next. */
  private void keep(StateKeeper keeper) {
    if (step == nextKept) {
      hand(keeper);
    }
    if (step == nextKept || step == firstStep) {
      nextKept = step + exchange.agreed(keeper.stepsToNext(stepSeconds / step));
    }
  }

  private void hand(StateKeeper keeper) {
    exchange.requireEqual(optimizer.weights(), step);
    keeper.keep(step, this::state);
    lastKept = step;
  }

  private TrainingState state() {
    return new TrainingState(
        optimizer.weights().values(),
        optimizer.first(),
        optimizer.second(),
        step,
        epochSums,
        List.copyOf(history),
        best,
        bestEpoch,
        sequences,
        stepSeconds,
        seconds());
  }

  private void progress(int epoch) {
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

  private void endEpoch() {
    int epoch = history.size() + 1;
    Map<String, Double> validation =
        Metrics.of(model.spec().head().kind(), exchange.evaluate(optimizer.weights()));
    history.add(
        new EpochRecord(
            epoch,
            step,
            epochSums.weight() == 0 ? 0 : epochSums.loss() / epochSums.weight(),
            rate(step),
            validation,
            seconds()));
    if (settings.keepsBest()
        && !validation.isEmpty()
        && (best == null
            || Metrics.areBetter(validation, history.get(bestEpoch - 1).validation()))) {
      best = optimizer.weights().values();
      bestEpoch = epoch;
    }
    listener.epochEnds(history.get(epoch - 1));
  }

  /** Of the given step, from 1. */
  private double rate(long number) {
    return settings.learningRate().at(number, order.stepsPerEpoch(), settings.epochs());
  }

  private double seconds() {
    return secondsBefore + (System.nanoTime() - started) * 1e-9;
  }
}
