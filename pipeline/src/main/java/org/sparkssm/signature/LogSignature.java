package org.sparkssm.signature;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.sparkssm.data.InvalidInputException;

/**
 * Log-signatures: the logarithm of a signature in the coordinates of a {@link LogSignatureBasis}.
 *
 * <p>An instance holds the change of basis for one number of channels and one depth; {@link #of}
 * shares instances, which are immutable.
 */
public final class LogSignature {
  private static final Map<Shape, LogSignature> SHARED = new ConcurrentHashMap<>();

  private final int channels;
  private final int depth;
  private final LogSignatureBasis basis;
  // Where the Lyndon words stand in the expanded form; null for the expanded basis.
  private final int[] wordIndex;
  // For the Lyndon basis, row by row: coefficient j contributes factor[j][i] to word target[j][i].
  private final int[][] target;
  private final double[][] factor;

  private LogSignature(Shape shape) {
    channels = shape.channels;
    depth = shape.depth;
    basis = shape.basis;
    if (basis == LogSignatureBasis.EXPANDED) {
      wordIndex = null;
      target = null;
      factor = null;
      return;
    }
    List<int[]> words = LyndonWords.upTo(channels, depth);
    wordIndex = words.stream().mapToInt(word -> Words.index(word, channels)).toArray();
    if (basis == LogSignatureBasis.WORDS) {
      target = null;
      factor = null;
      return;
    }
    target = new int[words.size()][];
    factor = new double[words.size()][];
    expandBrackets(words);
  }

  /** The log-signature of that shape, within the limit of Java's arrays. */
  public static LogSignature of(int channels, int depth, LogSignatureBasis basis) {
    SignatureSize.arrayWidth(channels, depth);
    return SHARED.computeIfAbsent(new Shape(channels, depth, basis), LogSignature::new);
  }

  /** The number of coordinates. */
  public int width() {
    return wordIndex == null ? SignatureSize.arrayWidth(channels, depth) : wordIndex.length;
  }

  /** The labels of the coordinates: words, or brackets for {@link LogSignatureBasis#LYNDON}. */
  public List<String> labels() {
    return switch (basis) {
      case EXPANDED -> Words.labels(channels, depth);
      case WORDS -> LyndonWords.labels(channels, depth);
      case LYNDON -> LyndonWords.brackets(channels, depth);
    };
  }

  /** The log-signature of a path {@code [length, channels]}. */
  public double[] ofPath(double[] path) {
    double[] out = new double[width()];
    batch(path, new long[1], new long[] {Signature.length(path.length, channels)}, out);
    return out;
  }

  /**
   * The gradient of {@link #ofPath} with respect to the path.
   *
   * @param gradient of a scalar with respect to the coordinates
   * @return {@code [length, channels]}
   */
  public double[] ofPathBackward(double[] path, double[] gradient) {
    double[] out = new double[path.length];
    long[] end = {Signature.length(path.length, channels)};
    batchBackward(path, new long[1], end, gradient, out);
    return out;
  }

  /**
   * The log-signatures of a batch of sequences, in float. A logarithm is the difference of entries
   * of a signature, so the error is a fraction of the largest of these: tested to 2e-5.
   *
   * @param values rows of as many numbers as there are channels
   * @param begin first row of each sequence
   * @param end one past the last row of each sequence; ranges may overlap, as windows do
   * @param out {@code [batch, width]}, overwritten; must not be {@code values}
   * @throws InvalidInputException if a range lies outside {@code values} or {@code out} is too
   *     short
   */
  public void batch(float[] values, long[] begin, long[] end, float[] out) {
    Signature.requireBatch(values.length, begin, end, channels, width(), out.length);
    boolean lyndon = basis != LogSignatureBasis.EXPANDED;
    Signature.backend().logForward(values, begin, end, channels, depth, lyndon, out);
    if (basis == LogSignatureBasis.LYNDON) {
      for (int b = 0; b < begin.length; b++) {
        toBrackets(out, b * width());
      }
    }
  }

  /**
   * The gradients of {@link #batch(float[], long[], long[], float[])} with respect to the values.
   *
   * @param gradients {@code [batch, width]}, of a scalar with respect to the coordinates
   * @param out as long as {@code values}: what a sequence gives is added to its rows
   * @throws InvalidInputException if a range lies outside {@code values}, or an array is too short
   */
  public void batchBackward(
      float[] values, long[] begin, long[] end, float[] gradients, float[] out) {
    Signature.requireBatch(values.length, begin, end, channels, width(), gradients.length);
    Signature.requireSameLength(values.length, out.length);
    boolean lyndon = basis != LogSignatureBasis.EXPANDED;
    float[] ofWords = gradients;
    if (basis == LogSignatureBasis.LYNDON) {
      ofWords = gradients.clone();
      for (int b = 0; b < begin.length; b++) {
        toBracketsBackward(ofWords, b * width());
      }
    }
    Signature.backend().logBackward(values, begin, end, channels, depth, lyndon, ofWords, out);
  }

  /** {@link #batch(float[], long[], long[], float[])} in double, tested to 1e-12. */
  public void batch(double[] values, long[] begin, long[] end, double[] out) {
    Signature.requireBatch(values.length, begin, end, channels, width(), out.length);
    boolean lyndon = basis != LogSignatureBasis.EXPANDED;
    Signature.backend().logForward(values, begin, end, channels, depth, lyndon, out);
    if (basis == LogSignatureBasis.LYNDON) {
      for (int b = 0; b < begin.length; b++) {
        toBrackets(out, b * width());
      }
    }
  }

  /** {@link #batchBackward(float[], long[], long[], float[], float[])} in double. */
  public void batchBackward(
      double[] values, long[] begin, long[] end, double[] gradients, double[] out) {
    Signature.requireBatch(values.length, begin, end, channels, width(), gradients.length);
    Signature.requireSameLength(values.length, out.length);
    boolean lyndon = basis != LogSignatureBasis.EXPANDED;
    double[] ofWords = gradients;
    if (basis == LogSignatureBasis.LYNDON) {
      ofWords = gradients.clone();
      for (int b = 0; b < begin.length; b++) {
        toBracketsBackward(ofWords, b * width());
      }
    }
    Signature.backend().logBackward(values, begin, end, channels, depth, lyndon, ofWords, out);
  }

  /** The log-signature that belongs to a signature. */
  public double[] ofSignature(double[] signature) {
    return project(TensorAlgebra.log(signature, channels, depth));
  }

  /**
   * The gradient of {@link #ofSignature} with respect to the signature.
   *
   * @param gradient of a scalar with respect to the coordinates
   */
  public double[] ofSignatureBackward(double[] signature, double[] gradient) {
    return TensorAlgebra.logBackward(signature, channels, depth, projectBackward(gradient));
  }

  /** The coordinates of a Lie element that is given by all its words. */
  public double[] project(double[] expanded) {
    if (wordIndex == null) {
      return expanded.clone();
    }
    double[] out = new double[wordIndex.length];
    for (int j = 0; j < out.length; j++) {
      out[j] = expanded[wordIndex[j]];
    }
    if (basis == LogSignatureBasis.LYNDON) {
      toBrackets(out, 0);
    }
    return out;
  }

  private double[] projectBackward(double[] gradient) {
    if (wordIndex == null) {
      return gradient.clone();
    }
    double[] words = gradient.clone();
    if (basis == LogSignatureBasis.LYNDON) {
      toBracketsBackward(words, 0);
    }
    double[] expanded = new double[SignatureSize.arrayWidth(channels, depth)];
    for (int j = 0; j < words.length; j++) {
      expanded[wordIndex[j]] = words[j];
    }
    return expanded;
  }

  /**
   * From entries at the Lyndon words to coefficients of brackets, in place. The bracket of a word
   * contributes to that word and later ones only.
   */
  private void toBrackets(float[] words, int start) {
    for (int j = 0; j < target.length; j++) {
      for (int i = 0; i < target[j].length; i++) {
        words[start + target[j][i]] -= (float) factor[j][i] * words[start + j];
      }
    }
  }

  /** The adjoint of {@link #toBrackets(float[], int)}. */
  private void toBracketsBackward(float[] words, int start) {
    for (int j = target.length - 1; j >= 0; j--) {
      for (int i = 0; i < target[j].length; i++) {
        words[start + j] -= (float) factor[j][i] * words[start + target[j][i]];
      }
    }
  }

  private void toBrackets(double[] words, int start) {
    for (int j = 0; j < target.length; j++) {
      for (int i = 0; i < target[j].length; i++) {
        words[start + target[j][i]] -= factor[j][i] * words[start + j];
      }
    }
  }

  private void toBracketsBackward(double[] words, int start) {
    for (int j = target.length - 1; j >= 0; j--) {
      for (int i = 0; i < target[j].length; i++) {
        words[start + j] -= factor[j][i] * words[start + target[j][i]];
      }
    }
  }

  /** Writes every bracket as a sum of words and keeps its entries at later Lyndon words. */
  private void expandBrackets(List<int[]> words) {
    Map<String, Integer> number = new HashMap<>();
    Map<String, Map<List<Integer>, Double>> expansions = new HashMap<>();
    for (int j = 0; j < words.size(); j++) {
      number.put(Arrays.toString(words.get(j)), j);
    }
    for (int j = 0; j < words.size(); j++) {
      int[] word = words.get(j);
      Map<List<Integer>, Double> expansion = expand(word, expansions);
      expansions.put(Arrays.toString(word), expansion);
      List<Integer> targets = new ArrayList<>();
      List<Double> factors = new ArrayList<>();
      for (Map.Entry<List<Integer>, Double> term : expansion.entrySet()) {
        Integer to = number.get(term.getKey().toString());
        if (to != null && to != j && term.getValue() != 0) {
          targets.add(to);
          factors.add(term.getValue());
        }
      }
      target[j] = targets.stream().mapToInt(Integer::intValue).toArray();
      factor[j] = factors.stream().mapToDouble(Double::doubleValue).toArray();
    }
  }

  private static Map<List<Integer>, Double> expand(
      int[] word, Map<String, Map<List<Integer>, Double>> expansions) {
    Map<List<Integer>, Double> expansion = new HashMap<>();
    if (word.length == 1) {
      expansion.put(List.of(word[0]), 1.0);
      return expansion;
    }
    int split = LyndonWords.standardSplit(word);
    Map<List<Integer>, Double> left = expansions.get(Arrays.toString(Arrays.copyOf(word, split)));
    Map<List<Integer>, Double> right =
        expansions.get(Arrays.toString(Arrays.copyOfRange(word, split, word.length)));
    for (Map.Entry<List<Integer>, Double> u : left.entrySet()) {
      for (Map.Entry<List<Integer>, Double> v : right.entrySet()) {
        double product = u.getValue() * v.getValue();
        expansion.merge(concatenation(u.getKey(), v.getKey()), product, Double::sum);
        expansion.merge(concatenation(v.getKey(), u.getKey()), -product, Double::sum);
      }
    }
    return expansion;
  }

  private static List<Integer> concatenation(List<Integer> u, List<Integer> v) {
    List<Integer> both = new ArrayList<>(u);
    both.addAll(v);
    return both;
  }

  private record Shape(int channels, int depth, LogSignatureBasis basis) {}
}
