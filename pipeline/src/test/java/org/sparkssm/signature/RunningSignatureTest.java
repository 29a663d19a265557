package org.sparkssm.signature;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.sparkssm.signature.Agreement.assertAgrees;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.testing.OracleFile;

class RunningSignatureTest {
  @Test
  void piecesOfAnyLengthGiveTheOraclesSignature() {
    List<OracleFile.Case> cases = OracleFile.cases("signature.json", "signature");
    assertFalse(cases.isEmpty());
    for (OracleFile.Case c : cases) {
      double[] path = c.input("path");
      int channels = c.parameter("channels").asInt();
      for (int piece = 1; piece <= 4; piece++) {
        RunningSignature running = new RunningSignature(channels, c.parameter("depth").asInt());
        for (int at = 0; at < path.length; at += piece * channels) {
          running.append(
              Arrays.copyOfRange(path, at, Math.min(path.length, at + piece * channels)));
          running.append(new double[0]);
        }
        assertEquals(path.length / channels, running.length());
        assertAgrees(c.output("signature"), running.signature(), 1e-10, c.toString());
      }
    }
    assertArrayEquals(new double[6], new RunningSignature(2, 2).signature());
    assertThrows(
        InvalidInputException.class, () -> new RunningSignature(2, 2).append(new double[3]));
  }
}
