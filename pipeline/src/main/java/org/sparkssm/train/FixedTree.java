package org.sparkssm.train;

import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.BinaryOperator;

/**
 * Sums over micro-shards in one fixed binary tree, whoever computed the leaves: node (first, size)
 * is node (first, size / 2) plus node (first + size / 2, size / 2), with size a power of two and
 * first a multiple of it. Floating-point sums therefore have the same bits for every distribution
 * of the micro-shards.
 */
public final class FixedTree {
  private static final int LARGEST = 1 << 16;

  private FixedTree() {}

  /** A node of the tree: the sum over {@code size} micro-shards from {@code first} on. */
  public record Node<T>(int first, int size, T sum) {}

  /** Micro-shard {@code number} by itself. */
  public static <T> Node<T> leaf(int number, T value) {
    return new Node<>(number, 1, value);
  }

  /**
   * Joins what can be joined without a missing micro-shard: the greatest subtrees that the nodes
   * cover, by micro-shard number.
   */
  public static <T> List<Node<T>> join(List<Node<T>> nodes, BinaryOperator<T> plus) {
    NavigableMap<Integer, Node<T>> byFirst = new TreeMap<>();
    nodes.forEach(node -> byFirst.put(node.first(), node));
    for (int size = 1; size <= LARGEST / 2; size *= 2) {
      for (Node<T> left : List.copyOf(byFirst.values())) {
        Node<T> right = byFirst.get(left.first() + size);
        if (left.size() == size
            && left.first() % (2 * size) == 0
            && right != null
            && right.size() == size) {
          byFirst.remove(right.first());
          T sum = plus.apply(left.sum(), right.sum());
          byFirst.put(left.first(), new Node<>(left.first(), 2 * size, sum));
        }
      }
    }
    return new ArrayList<>(byFirst.values());
  }

  /**
   * The sum over all micro-shards.
   *
   * @throws IllegalStateException if nodes are missing
   */
  public static <T> T root(List<Node<T>> nodes, int microShards, BinaryOperator<T> plus) {
    List<Node<T>> joined = join(nodes, plus);
    if (joined.size() != 1 || joined.get(0).size() != microShards) {
      throw new IllegalStateException(
          "sums of some micro-shards are missing: "
              + joined.stream().map(node -> node.first() + "+" + node.size()).toList()
              + " of "
              + microShards);
    }
    return joined.get(0).sum();
  }
}
