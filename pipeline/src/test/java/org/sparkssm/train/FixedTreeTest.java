package org.sparkssm.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FixedTreeTest {
  @Test
  void anyDistributionOfTheLeavesGivesTheSameTree() {
    String whole = "(((0+1)+(2+3))+((4+5)+(6+7)))";
    assertEquals(whole, FixedTree.root(leaves(0, 8), 8, FixedTreeTest::plus));
    for (int cut = 1; cut < 8; cut++) {
      List<FixedTree.Node<String>> parts = new ArrayList<>();
      parts.addAll(FixedTree.join(leaves(cut, 8), FixedTreeTest::plus));
      parts.addAll(FixedTree.join(leaves(0, cut), FixedTreeTest::plus));
      assertEquals(whole, FixedTree.root(parts, 8, FixedTreeTest::plus));
    }
  }

  @Test
  void subtreesAreTheGreatestThatAreWhole() {
    List<FixedTree.Node<String>> joined = FixedTree.join(leaves(1, 8), FixedTreeTest::plus);
    assertEquals(
        List.of("1", "(2+3)", "((4+5)+(6+7))"), joined.stream().map(FixedTree.Node::sum).toList());
  }

  @Test
  void missingMicroShardsAreNoticed() {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () -> FixedTree.root(leaves(1, 4), 4, FixedTreeTest::plus));
    assertEquals("sums of some micro-shards are missing: [1+1, 2+2] of 4", e.getMessage());
  }

  private static List<FixedTree.Node<String>> leaves(int from, int to) {
    List<FixedTree.Node<String>> leaves = new ArrayList<>();
    for (int m = from; m < to; m++) {
      leaves.add(FixedTree.leaf(m, Integer.toString(m)));
    }
    return leaves;
  }

  private static String plus(String left, String right) {
    return "(" + left + "+" + right + ")";
  }
}
