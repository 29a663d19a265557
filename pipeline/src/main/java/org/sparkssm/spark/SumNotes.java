package org.sparkssm.spark;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.sparkssm.model.LossSums;
import org.sparkssm.train.FixedTree;
import org.sparkssm.train.GradientSum;

/** Sums of subtrees without their gradients, as bytes. */
final class SumNotes {
  private static final float[] NO_GRADIENT = new float[0];

  private SumNotes() {}

  static byte[] of(List<FixedTree.Node<GradientSum>> nodes) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      for (FixedTree.Node<GradientSum> node : nodes) {
        double[] sums = node.sum().sums().toArray();
        out.writeInt(node.first());
        out.writeInt(node.size());
        out.writeInt(sums.length);
        for (double sum : sums) {
          out.writeDouble(sum);
        }
        out.writeBoolean(node.sum().failure() != null);
        if (node.sum().failure() != null) {
          out.writeUTF(node.sum().failure());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e); // does not happen in memory
    }
    return bytes.toByteArray();
  }

  static List<FixedTree.Node<GradientSum>> nodes(byte[] note) {
    List<FixedTree.Node<GradientSum>> nodes = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(note))) {
      while (in.available() > 0) {
        int first = in.readInt();
        int size = in.readInt();
        double[] sums = new double[in.readInt()];
        for (int i = 0; i < sums.length; i++) {
          sums[i] = in.readDouble();
        }
        String failure = in.readBoolean() ? in.readUTF() : null;
        nodes.add(
            new FixedTree.Node<>(
                first, size, new GradientSum(NO_GRADIENT, LossSums.of(sums), failure)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return nodes;
  }
}
