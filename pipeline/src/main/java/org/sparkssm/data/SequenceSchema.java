package org.sparkssm.data;

import java.util.Set;

/** The column names of a sequence data set (one row per sequence). */
public final class SequenceSchema {
  /** {@code bigint}, unique within a data set. */
  public static final String ID = "id";

  /** {@code array<float>}: the path, flat and row-major, [length x channels]. */
  public static final String VALUES = "values";

  /** {@code array<int>}: token data, in place of {@link #VALUES}; [length]. */
  public static final String TOKENS = "tokens";

  /** {@code int}: number of time steps. */
  public static final String LENGTH = "length";

  /** {@code array<double>}, optional: strictly increasing times; absent means uniform. */
  public static final String TIMES = "times";

  /** {@code double} (a number) or {@code int} (a class index): the label of the sequence. */
  public static final String LABEL = "label";

  /**
   * {@code array<float>} (numbers) or {@code array<int>} (class indices): one label per step; a
   * null element is a step without a target.
   */
  public static final String LABELS = "labels";

  /** {@code string}, optional: the key that {@link #ID} is the hash of, as the source had it. */
  public static final String KEY = "key";

  /** {@code string}, optional: the split that the source put the sequence in. */
  public static final String SPLIT = "split";

  /** Value of {@link #SPLIT} for training. */
  public static final String TRAIN_SPLIT = "train";

  /** Value of {@link #SPLIT} for testing. */
  public static final String TEST_SPLIT = "test";

  /** Key in the metadata of {@link #VALUES}: the number of channels ({@code long}). */
  public static final String CHANNELS_METADATA = "channels";

  /** Key in the metadata of {@link #VALUES}: the names of the channels (array of strings). */
  public static final String CHANNEL_NAMES_METADATA = "channelNames";

  /** Every name that has a meaning here; further columns must not use one of them. */
  public static final Set<String> RESERVED =
      Set.of(ID, VALUES, TOKENS, LENGTH, TIMES, LABEL, LABELS, KEY, SPLIT);

  private SequenceSchema() {}
}
