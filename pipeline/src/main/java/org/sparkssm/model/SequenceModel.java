package org.sparkssm.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Segments;
import org.sparkssm.kernel.Tensor;
import org.sparkssm.kernel.Total;
import org.sparkssm.kernel.Upload;

/**
 * The model that a {@link ModelSpec} describes: raw sequences in, loss sums, gradients or outputs
 * out. It holds no parameters and no other state: those are arguments, so one instance serves any
 * number of threads, each with kernels of its own.
 */
public final class SequenceModel {
  private final ModelSpec spec;
  private final Scaling scaling;
  private final ParameterLayout layout = new ParameterLayout();
  private final Dense encoder;
  private final Parameter embedding;
  private final List<Block> blocks = new ArrayList<>();
  private final List<Integer> slotsThroughBlock = new ArrayList<>();
  private final Norm finalNorm;
  private final Dense head;
  private final StateSlot readoutState;

  /**
   * @param spec with the size of the input and the outputs filled in
   * @param scaling of as many channels as the input
   */
  public SequenceModel(ModelSpec spec, Scaling scaling) {
    requireSized(spec);
    if (scaling.mean().length != spec.input().channels()) {
      throw new IllegalArgumentException(
          "scaling has "
              + scaling.mean().length
              + " channels, expected "
              + spec.input().channels());
    }
    this.spec = spec;
    this.scaling = scaling;
    int width = spec.width();
    boolean tokens = spec.input().tokens();
    this.encoder =
        tokens ? null : new Dense(spec.input().columns(), width, true, layout.child("encoder"));
    this.embedding =
        tokens
            ? layout
                .child("encoder")
                .addFree("weight", spec.input().vocabulary(), width, Initializer.normal(1))
            : null;
    LayerSetting setting = LayerSetting.of(spec.input(), width);
    for (int k = 0; k < spec.blocks().size(); k++) {
      blocks.add(new Block(spec.blocks().get(k), k, setting, layout.child("blocks." + k)));
      slotsThroughBlock.add(layout.states().size());
    }
    this.finalNorm =
        spec.finalNorm() == NormKind.NONE
            ? null
            : new Norm(spec.finalNorm(), width, layout.child("final_norm"));
    this.head = new Dense(width, spec.head().outputs(), true, layout.child("head"));
    this.readoutState = layout.addState("readout", width, readoutCarry());
  }

  private Carry readoutCarry() {
    return spec.readout() == Readout.MEAN ? Carry.SUM : Carry.lastRows(1);
  }

  private static void requireSized(ModelSpec spec) {
    if (spec.input().tokens() ? spec.input().vocabulary() < 1 : spec.input().channels() < 1) {
      throw new InvalidInputException(
          "the model description lacks the number of input "
              + (spec.input().tokens() ? "tokens (vocabulary)" : "channels"));
    }
    if (spec.head().outputs() < 1) {
      throw new InvalidInputException("the model description lacks the number of outputs");
    }
  }

  public ModelSpec spec() {
    return spec;
  }

  public Scaling scaling() {
    return scaling;
  }

  public ParameterLayout layout() {
    return layout;
  }

  /**
   * The loss of a batch and its gradient.
   *
   * @param parameters [1, P]
   * @param gradients [1, P]; the gradient of the loss <em>sum</em> is added to it
   * @param batch with labels
   * @param dropout nullable: no dropout
   */
  public BatchLoss lossAndGradient(
      Kernels kernels,
      Tensor parameters,
      Tensor gradients,
      SequenceBatch batch,
      Pass.Dropout dropout) {
    return kernels.scope(
        () -> {
          Targets targets = Targets.of(batch, spec, scaling);
          Pass pass = pass(kernels, parameters, gradients, batch, targets, dropout, false);
          Trace trace = trace(pass);
          Tensor dOutput = kernels.allocate(trace.output.rows(), trace.output.columns());
          Total loss = loss(pass, targets, trace.output, dOutput);
          trace.backward.accept(dOutput);
          return new BatchLoss(targets.weight(), loss);
        });
  }

  /** The loss sums of a batch with labels. */
  public LossSums evaluate(Kernels kernels, Tensor parameters, SequenceBatch batch) {
    return kernels.scope(
        () -> {
          Targets targets = Targets.of(batch, spec, scaling);
          Pass pass = pass(kernels, parameters, null, batch, targets, null, false);
          return sums(pass, targets, outputs(pass));
        });
  }

  /**
   * The outputs of a batch.
   *
   * @return [B, outputs], or [T, outputs] where the readout is every step: numbers in units of the
   *     label, or logits
   */
  public float[] score(Kernels kernels, Tensor parameters, SequenceBatch batch) {
    return kernels.scope(
        () -> {
          Pass pass = pass(kernels, parameters, null, batch, null, null, false);
          return inUnitsOfTheLabel(kernels, outputs(pass));
        });
  }

  /**
   * The state before the first step of some sequences.
   *
   * @throws InvalidInputException if a layer reads what follows a step
   */
  public SequenceState start(int sequences) {
    blocks.forEach(block -> block.requireCausal(block.name()));
    return new SequenceState(layout.states(), sequences);
  }

  /**
   * Feeds sequences their next steps, one or many or none each, with the outputs that {@link
   * #score} gives for all steps so far (up to rounding).
   *
   * @param state advanced by the steps; unchanged if this throws
   * @param batch the next steps of each sequence of the state, in the same order; times go on from
   *     those of before
   * @return as {@link #score}; a row for every new step where the readout is every step
   */
  public float[] advance(
      Kernels kernels, Tensor parameters, SequenceState state, SequenceBatch batch) {
    if (batch.size() != state.sequences()) {
      throw new IllegalArgumentException(
          "the state is that of "
              + state.sequences()
              + " sequences, found steps of "
              + batch.size());
    }
    return advancing(
        kernels, parameters, state, batch, pass -> inUnitsOfTheLabel(kernels, outputs(pass)));
  }

  /** Moves a state on by a pass over the next steps. */
  private <T> T advancing(
      Kernels kernels,
      Tensor parameters,
      SequenceState state,
      SequenceBatch batch,
      Function<Pass, T> run) {
    SequenceState next = state.copy();
    T result =
        kernels.scope(
            () -> {
              for (int b = 0; b < batch.size(); b++) {
                if (state.position(b) == 0
                    && batch.times() != null
                    && batch.segments().length(b) > 0) {
                  next.startAt(b, batch.times()[batch.segments().offset(b)]);
                }
              }
              PassInputs inputs = inputs(kernels, batch, null, null, next);
              return run.apply(
                  new Pass(kernels, batch, inputs, parameters, null, false, state, next));
            });
    for (int b = 0; b < batch.size(); b++) {
      next.pass(b, batch.segments().length(b));
    }
    state.become(next);
    return result;
  }

  // ---------------------------------------------------------------- segments of a sequence

  /**
   * Something that the model carries along a sequence, in the order in which it is computed.
   *
   * @param index in a {@link CarriedState}
   * @param block the block it belongs to, from 0; the number of blocks for the readout
   */
  public record CarriedPart(int index, int block, int columns, Carry carry) {
    /** States to run a segment from, to learn how the part passes it; the others are known. */
    public List<CarriedState> probes(CarriedState known) {
      return carry.probes(columns).stream().map(probe -> known.with(index, probe)).toList();
    }

    /**
     * The part after a segment.
     *
     * @param steps of the segment
     * @param found the part after the segment for each of the {@link #probes}
     * @param before the part before the segment
     */
    public double[] after(long steps, List<double[]> found, double[] before) {
      return carry.out(steps, found, before);
    }
  }

  /**
   * What is carried and has to be known before the outputs of a segment can be computed. Each part
   * depends on the parts before it and on itself, in a way that {@link CarriedPart#probes} tell; so
   * with one run over all segments for each part, at the same time for all segments, the state
   * before every segment is known.
   *
   * @throws InvalidInputException if a layer can only be run from the beginning to the end
   */
  public List<CarriedPart> carriedParts() {
    blocks.forEach(block -> block.requireCausal(block.name()));
    List<CarriedPart> parts = new ArrayList<>();
    for (StateSlot slot : layout.states()) {
      int block = 0;
      while (block < blocks.size() && slot.index() >= slotsThroughBlock.get(block)) {
        block++;
      }
      if (slot.carry().kind() == Carry.Kind.SEQUENTIAL) {
        throw new InvalidInputException(
            "layer %s of %s carries what is neither diagonal nor linear from step to step, so that segments of a sequence cannot be run at the same time"
                .formatted(spec.blocks().get(block).layer().kind(), blocks.get(block).name()));
      }
      boolean isNeeded = slot.index() != readoutState.index() || spec.readout() == Readout.MEAN;
      if (isNeeded && slot.columns() > 0) {
        parts.add(new CarriedPart(slot.index(), block, slot.columns(), slot.carry()));
      }
    }
    return parts;
  }

  /** The state of sequences of which that is carried, before their next steps. */
  public SequenceState resume(List<CarriedState> sequences) {
    return SequenceState.of(layout.states(), sequences);
  }

  /** The beginning of a segment of which nothing is known but its place in the sequence. */
  public CarriedState unknown(long position, double startTime) {
    return new CarriedState(position, startTime, new double[layout.states().size()][]);
  }

  /**
   * Moves a state on as {@link #advance} does, but computes no more than what {@code part} needs;
   * what is carried beyond it is undefined.
   */
  public void advance(
      Kernels kernels,
      Tensor parameters,
      SequenceState state,
      SequenceBatch batch,
      CarriedPart part) {
    advancing(
        kernels,
        parameters,
        state,
        batch,
        pass -> {
          if (part.block() == blocks.size()) {
            outputs(pass);
          } else {
            through(pass, blocks.subList(0, part.block() + 1));
          }
          return null;
        });
  }

  private float[] inUnitsOfTheLabel(Kernels kernels, Tensor output) {
    float[] scores = new float[Math.toIntExact(output.size())];
    kernels.read(output, scores, 0);
    for (int i = 0; i < scores.length && spec.head().kind() == HeadKind.REGRESSION; i++) {
      scores[i] = (float) (scaling.labelMean() + scaling.labelDeviation() * scores[i]);
    }
    return scores;
  }

  /**
   * Runs a batch again, looking for the first number that is not finite, going forward through the
   * model and then through the gradients.
   *
   * @throws NonFiniteException naming where it was found
   */
  public void requireFinite(
      Kernels kernels, Tensor parameters, SequenceBatch batch, Pass.Dropout dropout) {
    kernels.scope(
        () -> {
          Tensor gradients = kernels.zeros(1, layout.size());
          Targets targets = Targets.of(batch, spec, scaling);
          Pass pass = pass(kernels, parameters, gradients, batch, targets, dropout, true);
          requireFiniteParameters(kernels, pass::value, "parameter");
          Trace trace = trace(pass);
          Tensor dOutput = kernels.allocate(trace.output.rows(), trace.output.columns());
          double loss = loss(pass, targets, trace.output, dOutput).value();
          if (!Double.isFinite(loss)) {
            throw new NonFiniteException("the loss is " + loss);
          }
          trace.backward.accept(dOutput);
          requireFiniteParameters(kernels, pass::gradient, "the gradient of");
          return null;
        });
  }

  private void requireFiniteParameters(
      Kernels kernels, Function<Parameter, Tensor> view, String what) {
    for (Parameter parameter : layout.parameters()) {
      if (!Double.isFinite(kernels.sumOfSquares(view.apply(parameter)).value())) {
        throw new NonFiniteException(what + " " + parameter.name() + " is not finite");
      }
    }
  }

  // ---------------------------------------------------------------- the passes

  /** Outputs of a pass and what runs its backward, given their gradient. */
  private record Trace(Tensor output, Consumer<Tensor> backward) {}

  private Pass pass(
      Kernels kernels,
      Tensor parameters,
      Tensor gradients,
      SequenceBatch batch,
      Targets targets,
      Pass.Dropout dropout,
      boolean guarded) {
    PassInputs inputs = inputs(kernels, batch, targets, dropout, null);
    return new Pass(kernels, batch, inputs, parameters, gradients, guarded, null, null);
  }

  private Trace trace(Pass pass) {
    Kernels kernels = pass.kernels();
    int width = spec.width();
    Tensor x = pass.allocate(width);
    encode(pass, x);
    pass.check("the encoder", x);
    List<Layer.Backward> backwards = new ArrayList<>();
    for (Layer layer : stack()) {
      Tensor y = pass.allocate(width);
      backwards.add(layer.forward(pass, x, y));
      x = y;
    }
    Tensor last = x;
    Tensor read = readout(pass, last);
    Tensor output = kernels.allocate(read.rows(), spec.head().outputs());
    Layer.Backward headBackward = head.forward(pass, read, output);
    return new Trace(
        output,
        dOutput -> {
          Tensor dRead = kernels.allocate(read.rows(), width);
          headBackward.run(dOutput, dRead);
          Tensor dy = readoutBackward(pass, dRead);
          for (int k = backwards.size() - 1; k >= 0; k--) {
            Tensor dx = pass.allocate(width);
            backwards.get(k).run(dy, dx);
            dy = dx;
          }
          encodeBackward(pass, dy);
        });
  }

  /** The forward alone, releasing what each layer made before the next begins. */
  private Tensor outputs(Pass pass) {
    Tensor read = readout(pass, through(pass, stack()));
    Tensor output = pass.kernels().allocate(read.rows(), spec.head().outputs());
    head.forward(pass, read, output);
    return output;
  }

  /** The encoder and then those layers. */
  private Tensor through(Pass pass, List<? extends Layer> layers) {
    Kernels kernels = pass.kernels();
    Tensor x = pass.allocate(spec.width());
    Tensor y = pass.allocate(spec.width());
    encode(pass, x);
    for (Layer layer : layers) {
      Tensor from = x;
      Tensor to = y;
      kernels.scope(() -> layer.forward(pass, from, to) == null);
      x = to;
      y = from;
    }
    return x;
  }

  private List<Layer> stack() {
    List<Layer> stack = new ArrayList<>(blocks);
    if (finalNorm != null) {
      stack.add(finalNorm);
    }
    return stack;
  }

  private void encode(Pass pass, Tensor x) {
    if (embedding == null) {
      encoder.forward(pass, pass.input(), x);
    } else {
      pass.kernels().embeddingForward(pass.tokens(), pass.value(embedding), x);
    }
  }

  private void encodeBackward(Pass pass, Tensor dx) {
    if (embedding == null) {
      encoder.parameterGradients(pass, pass.input(), dx);
    } else {
      pass.kernels().embeddingBackward(pass.tokens(), dx, pass.gradient(embedding));
    }
  }

  private Tensor readout(Pass pass, Tensor x) {
    if (spec.readout() == Readout.EVERY_STEP) {
      return x;
    }
    if (pass.carries()) {
      return spec.readout() == Readout.LAST ? lastSoFar(pass, x) : meanSoFar(pass, x);
    }
    Tensor read = pass.kernels().allocate(pass.segments().batch(), spec.width());
    if (spec.readout() == Readout.LAST) {
      pass.kernels().lastRowForward(pass.segments(), x, read);
    } else {
      pass.kernels().meanRowForward(pass.segments(), x, read);
    }
    return read;
  }

  private Tensor lastSoFar(Pass pass, Tensor x) {
    return pass.carryLastRow(readoutState, x);
  }

  /** Carries the sum of all rows. */
  private Tensor meanSoFar(Pass pass, Tensor x) {
    Kernels kernels = pass.kernels();
    int batch = pass.segments().batch();
    Tensor mean = kernels.allocate(batch, spec.width());
    kernels.meanRowForward(pass.segments(), x, mean);
    Tensor earlier = pass.before(readoutState);
    Tensor sum = kernels.zeros(batch, spec.width());
    if (earlier != null) {
      kernels.copy(earlier, sum);
    }
    Tensor read = kernels.zeros(batch, spec.width());
    for (int b = 0; b < batch; b++) {
      int steps = pass.segments().length(b);
      Tensor total = sum.rowRange(b, b + 1);
      kernels.addScaled(steps, mean.rowRange(b, b + 1), total);
      double all = Math.max(1, pass.position(b) + steps);
      kernels.addScaled(1 / all, total, read.rowRange(b, b + 1));
    }
    pass.carry(readoutState, sum);
    return read;
  }

  private Tensor readoutBackward(Pass pass, Tensor dRead) {
    if (spec.readout() == Readout.EVERY_STEP) {
      return dRead;
    }
    Tensor dx = pass.allocate(spec.width());
    if (spec.readout() == Readout.LAST) {
      pass.kernels().lastRowBackward(pass.segments(), dRead, dx);
    } else {
      pass.kernels().meanRowBackward(pass.segments(), dRead, dx);
    }
    return dx;
  }

  // ---------------------------------------------------------------- input

  /**
   * All that a pass takes of a batch, brought to the device at once.
   *
   * @param targets nullable: the loss is not asked for
   * @param dropout nullable: no dropout
   * @param state nullable: what came before the batch
   */
  private PassInputs inputs(
      Kernels kernels,
      SequenceBatch batch,
      Targets targets,
      Pass.Dropout dropout,
      SequenceState state) {
    double[] times = times(batch, state);
    Upload upload = new Upload().segments(batch.segments()).tensor(times.length, 1, times);
    if (spec.input().tokens()) {
      requireTokens(batch);
      upload.tokens(batch.tokens(), spec.input().vocabulary());
    } else {
      upload.tensor(times.length, spec.input().columns(), input(batch, times));
    }
    if (targets != null) {
      upload.array(targets.weights());
      if (targets.numbers() == null) {
        upload.array(targets.classes());
      } else {
        upload.tensor(targets.numbers().length, 1, targets.numbers());
      }
    }
    List<long[]> dropoutKeys = dropoutKeys(batch, dropout);
    dropoutKeys.stream().filter(keys -> keys.length > 0).forEach(upload::array);
    List<Tensor> tensors = kernels.upload(upload);
    return new PassInputs(
        tensors.get(0),
        spec.input().tokens() ? null : tensors.get(1),
        targets == null || targets.numbers() == null ? null : tensors.get(tensors.size() - 1),
        dropoutKeys);
  }

  /** Of each block: keys of the rows, none where it drops nothing. */
  private List<long[]> dropoutKeys(SequenceBatch batch, Pass.Dropout dropout) {
    List<long[]> keys = new ArrayList<>();
    for (int k = 0; k < blocks.size(); k++) {
      boolean drops = dropout != null && spec.blocks().get(k).dropout() > 0;
      keys.add(drops ? dropout.keys(k, batch) : new long[0]);
    }
    return keys;
  }

  /**
   * Time since the sequence's start over the time scale; the step number where there is no time.
   *
   * @param state nullable: what came before the batch
   */
  private double[] times(SequenceBatch batch, SequenceState state) {
    Segments segments = batch.segments();
    double[] times = new double[segments.rows()];
    for (int b = 0; b < segments.batch(); b++) {
      int first = segments.offset(b);
      for (int l = 0; l < segments.length(b); l++) {
        double since;
        if (batch.times() == null) {
          since = (state == null ? 0 : state.position(b)) + l;
        } else {
          since =
              batch.times()[first + l]
                  - (state == null ? batch.times()[first] : state.startTime(b));
        }
        times[first + l] = since / scaling.timeScale();
      }
    }
    return times;
  }

  /** The channels, scaled, after the time where that is one of them. */
  private double[] input(SequenceBatch batch, double[] times) {
    int channels = spec.input().channels();
    if (batch.channels() != channels) {
      throw new InvalidInputException(
          "the sequences have " + batch.channels() + " channels, the model expects " + channels);
    }
    int columns = spec.input().columns();
    double[] input = new double[times.length * columns];
    for (int r = 0; r < times.length; r++) {
      int first = (r + 1) * columns - channels;
      if (spec.input().time()) {
        input[r * columns] = times[r];
      }
      for (int c = 0; c < channels; c++) {
        double value = batch.values()[r * channels + c];
        input[first + c] = (float) ((value - scaling.mean()[c]) / scaling.deviation()[c]);
      }
    }
    return input;
  }

  private void requireTokens(SequenceBatch batch) {
    if (batch.tokens() == null) {
      throw new InvalidInputException("the model expects tokens, the sequences hold values");
    }
    for (int b = 0; b < batch.size(); b++) {
      int first = batch.segments().offset(b);
      for (int r = first; r < first + batch.segments().length(b); r++) {
        int token = batch.tokens()[r];
        if (token < 0 || token >= spec.input().vocabulary()) {
          throw new InvalidInputException(
              "the sequence with id "
                  + batch.ids()[b]
                  + " has token "
                  + token
                  + " at position "
                  + (r - first)
                  + ", expected 0 to "
                  + (spec.input().vocabulary() - 1));
        }
      }
    }
  }

  // ---------------------------------------------------------------- loss

  private Total loss(Pass pass, Targets targets, Tensor output, Tensor dOutput) {
    return targets.numbers() == null
        ? pass.kernels().softmaxCrossEntropy(output, targets.classes(), targets.weights(), dOutput)
        : pass.kernels().squaredError(output, pass.target(), targets.weights(), dOutput);
  }

  private LossSums sums(Pass pass, Targets targets, Tensor output) {
    double loss = loss(pass, targets, output, null).value();
    double[] found = pass.kernels().toDoubles(output);
    return targets.numbers() == null
        ? ofClasses(targets, loss, found, output.columns())
        : ofNumbers(targets, loss, found);
  }

  private LossSums ofNumbers(Targets targets, double loss, double[] found) {
    double squared = 0;
    double absolute = 0;
    double sum = 0;
    double squares = 0;
    for (int r = 0; r < targets.weights().length; r++) {
      double label = targets.numbers()[r];
      double weight = targets.weights()[r];
      double error = (found[r] - label) * scaling.labelDeviation();
      squared += weight * error * error;
      absolute += weight * Math.abs(error);
      sum += weight * label;
      squares += weight * label * label;
    }
    return new LossSums(targets.weight(), loss, squared, absolute, 0, sum, squares);
  }

  private static LossSums ofClasses(Targets targets, double loss, double[] logits, int classes) {
    double correct = 0;
    for (int r = 0; r < targets.weights().length; r++) {
      boolean isRight = greatest(logits, r, classes) == targets.classes()[r];
      correct += targets.weights()[r] * (isRight ? 1 : 0);
    }
    return new LossSums(targets.weight(), loss, 0, 0, correct, 0, 0);
  }

  private static int greatest(double[] logits, int row, int classes) {
    int best = 0;
    for (int c = 1; c < classes; c++) {
      if (logits[row * classes + c] > logits[row * classes + best]) {
        best = c;
      }
    }
    return best;
  }
}
