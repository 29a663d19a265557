package org.sparkssm.data;

import java.util.List;

/** The tasks that can be generated, by name. */
public final class Generators {
  /** The names that {@link #create} knows. */
  public static final List<String> TASKS =
      List.of("area", "volume", "word", "a5", "parity", "selective-copy");

  /** Channels of the area task. */
  private static final int AREA_CHANNELS = 2;

  /** Channels of the volume task. */
  private static final int VOLUME_CHANNELS = 3;

  private Generators() {}

  /**
   * What a task may be told.
   *
   * @param lengths of the sequences
   * @param seed of all random numbers
   * @param word letters from 1, for the task word
   * @param channels for the task word; 0: the largest letter
   * @param vocabulary number of tokens to copy, for selective-copy
   * @param copies how many tokens to copy, for selective-copy
   */
  public record Parameters(
      LengthRange lengths,
      long seed,
      List<Integer> word,
      int channels,
      int vocabulary,
      int copies) {}

  /**
   * The generator of a task.
   *
   * @throws InvalidInputException if there is no such task or a parameter does not fit it
   */
  public static SequenceGenerator create(String task, Parameters parameters) {
    LengthRange lengths = parameters.lengths();
    long seed = parameters.seed();
    return switch (task) {
      case "area" -> new SignatureWordTask(task, new int[] {1, 2}, AREA_CHANNELS, lengths, seed);
      case "volume" ->
          new SignatureWordTask(task, new int[] {1, 2, 3}, VOLUME_CHANNELS, lengths, seed);
      case "word" -> word(parameters);
      case "a5" -> new AlternatingGroupTask(lengths, seed);
      case "parity" -> new ParityTask(lengths, seed);
      case "selective-copy" ->
          new SelectiveCopyTask(lengths, parameters.vocabulary(), parameters.copies(), seed);
      default ->
          throw new InvalidInputException(
              "there is no task '" + task + "', expected one of " + String.join(", ", TASKS));
    };
  }

  private static SequenceGenerator word(Parameters parameters) {
    if (parameters.word().isEmpty()) {
      throw new InvalidInputException(
          "the task word needs --word, for example --word 1,2,3; found none");
    }
    int[] word = parameters.word().stream().mapToInt(Integer::intValue).toArray();
    int largest = parameters.word().stream().mapToInt(Integer::intValue).max().orElseThrow();
    int channels = parameters.channels() == 0 ? Math.max(1, largest) : parameters.channels();
    return new SignatureWordTask("word", word, channels, parameters.lengths(), parameters.seed());
  }
}
