package org.sparkssm.signature;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.sparkssm.data.InvalidInputException;

/**
 * The entries of signatures at some words, in the order in which the words were given. Signatures
 * are computed up to the level of the longest word.
 */
public final class SelectedWords {
  private final int channels;
  private final int depth;
  private final List<String> labels;
  private final int[] indices;

  private SelectedWords(int channels, int depth, List<String> labels, int[] indices) {
    this.channels = channels;
    this.depth = depth;
    this.labels = List.copyOf(labels);
    this.indices = indices;
  }

  /**
   * The words of some labels.
   *
   * @param labels letters from 1 to {@code channels} joined by commas, as {@link Words#labels}
   *     gives them: {@code "2,1"}
   * @throws InvalidInputException naming a label that is no word, or if there is none
   */
  public static SelectedWords of(int channels, List<String> labels) {
    SignatureSize.requireShape(channels, 1);
    if (labels.isEmpty()) {
      throw new InvalidInputException("no words are selected, expected at least one");
    }
    List<int[]> words = new ArrayList<>();
    int depth = 0;
    for (String label : labels) {
      int[] word = word(label, channels);
      depth = Math.max(depth, word.length);
      words.add(word);
    }
    SignatureSize.arrayWidth(channels, depth);
    int[] indices = words.stream().mapToInt(word -> Words.index(word, channels)).toArray();
    return new SelectedWords(channels, depth, labels, indices);
  }

  private static int[] word(String label, int channels) {
    String[] letters = label.split(",", -1);
    int[] word = new int[letters.length];
    for (int k = 0; k < word.length; k++) {
      try {
        word[k] = Integer.parseInt(letters[k].strip()) - 1;
      } catch (NumberFormatException e) {
        word[k] = -1;
      }
      if (word[k] < 0 || word[k] >= channels) {
        throw new InvalidInputException(
            "the word is '" + label + "', expected numbers from 1 to " + channels + " with commas");
      }
    }
    return word;
  }

  /** The level of the longest word. */
  public int depth() {
    return depth;
  }

  /** The labels as given. */
  public List<String> labels() {
    return labels;
  }

  /** The entries of the signature of a path, {@code [length, channels]} row-major. */
  public double[] ofPath(double[] path) {
    return ofSignature(Signature.of(path, channels, depth));
  }

  /**
   * The gradient of {@link #ofPath} with respect to the path.
   *
   * @param gradient of a scalar with respect to the entries
   * @return {@code [length, channels]}
   */
  public double[] ofPathBackward(double[] path, double[] gradient) {
    return Signature.backward(path, channels, depth, ofSignatureBackward(gradient));
  }

  /** The entries of a signature of this {@link #depth} or more. */
  public double[] ofSignature(double[] signature) {
    if (signature.length < SignatureSize.arrayWidth(channels, depth)) {
      throw new InvalidInputException(
          "a signature has "
              + signature.length
              + " entries, too few for words of "
              + depth
              + " letters");
    }
    return Arrays.stream(indices).mapToDouble(index -> signature[index]).toArray();
  }

  /** The gradient of {@link #ofSignature} with respect to a signature of this {@link #depth}. */
  public double[] ofSignatureBackward(double[] gradient) {
    if (gradient.length != indices.length) {
      throw new InvalidInputException(
          "the gradient has " + gradient.length + " entries, expected " + indices.length);
    }
    double[] out = new double[SignatureSize.arrayWidth(channels, depth)];
    for (int i = 0; i < indices.length; i++) {
      out[indices[i]] += gradient[i];
    }
    return out;
  }
}
