package org.sparkssm.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TsReaderTest {
  private static final String HEADER =
      """
      #comment
      @problemName Toy
      @timeStamps false
      @univariate false
      @dimensions 2
      @classLabel true a b
      @data
      """;

  @Test
  void readsRaggedCasesWithMissingValues() throws IOException {
    List<TsCase> cases = read(HEADER + "1,2,3:4,5,6:a\r\n\n#note\n7.5,?:-8e1,NaN:b", 1000);

    assertEquals(2, cases.size());
    assertArrayEquals(new float[] {1, 4, 2, 5, 3, 6}, cases.get(0).values());
    assertEquals("a", cases.get(0).label());
    assertArrayEquals(new float[] {7.5f, -80, Float.NaN, Float.NaN}, cases.get(1).values());
    assertEquals("b", cases.get(1).label());
    assertNull(cases.get(1).times());
  }

  @Test
  void readsTimeStampsAsNumbersAndDates() throws IOException {
    String header = "@timeStamps true\n@classLabel false\n@data\n";
    List<TsCase> cases =
        read(header + "(0.5,1),(2,?)\n(1970-01-02 00:00:00,3),(1970-01-02 00:00:01,4)\n", 1000);

    assertArrayEquals(new double[] {0.5, 2}, cases.get(0).times());
    assertArrayEquals(new float[] {1, Float.NaN}, cases.get(0).values());
    assertArrayEquals(new double[] {86400, 86401}, cases.get(1).times());
  }

  @Test
  void partsOfAnySizeGiveTheSameCases() throws IOException {
    StringBuilder text = new StringBuilder(HEADER);
    for (int i = 0; i < 50; i++) {
      text.append(i)
          .append(",1".repeat(i % 7))
          .append(":2")
          .append(",3".repeat(i % 7))
          .append(":a\n");
      text.append(i % 5 == 0 ? "\n#between\n" : "");
    }
    for (long partBytes : new long[] {1, 7, 64, 100_000}) {
      List<TsCase> cases = read(text.toString(), partBytes);
      assertEquals(50, cases.size());
      for (int i = 0; i < 50; i++) {
        assertEquals(i, cases.get(i).values()[0]);
        assertEquals(2 * (1 + i % 7), cases.get(i).values().length);
      }
    }
  }

  @Test
  void damagedFilesAreRefusedNamingThePlace() {
    assertMessage("f.ts has no line @data, expected a .ts file", "@problemName x\n");
    assertMessage(
        "f.ts has the line 'id,x' before @data, expected header lines that begin with @",
        "id,x\n1,2\n");
    assertMessage(
        "f.ts has the header line '@timeStamps maybe', expected true or false",
        "@timeStamps maybe\n@data\n");
    assertMessage(
        "case 1 of f.ts has 'x' at step 1 of channel 2, expected a number or ?",
        HEADER + "1,2:3,4:a\n1,2:3,x:a\n");
    assertMessage("case 0 of f.ts has 1 channels, expected 2", HEADER + "1,2:a\n");
    assertMessage(
        "case 0 of f.ts has 1 values in channel 2 and 2 in channel 1, expected the same number",
        HEADER + "1,2:3:a\n");
    assertMessage(
        "case 0 of f.ts has the label 'c', expected one of the classes a, b", HEADER + "1:2:c\n");
    assertMessage(
        "case 0 of f.ts has the label '', expected one of the classes a, b", HEADER + "1:2:\n");
    assertMessage(
        "case 0 of f.ts has no label at its end, expected ':' and the label", HEADER + "1,2,3\n");
    assertMessage(
        "case 0 of f.ts has other times in channel 2 than in channel 1",
        "@timeStamps true\n@classLabel false\n@data\n(0,1),(1,2):(0,1),(2,2)\n");
  }

  private static void assertMessage(String expected, String text) {
    InvalidInputException failure =
        assertThrows(InvalidInputException.class, () -> read(text, 1000));
    assertEquals(expected, failure.getMessage());
  }

  private static List<TsCase> read(String text, long partBytes) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    TsScanner.Scan scan = TsScanner.scan(new ByteArrayInputStream(bytes), "f.ts", partBytes);
    List<TsCase> cases = new ArrayList<>();
    for (TsScanner.Part part : scan.parts()) {
      assertEquals(cases.size(), part.firstCase());
      String rest =
          new String(
              bytes,
              (int) part.offset(),
              bytes.length - (int) part.offset(),
              StandardCharsets.UTF_8);
      TsReader reader =
          new TsReader(new StringReader(rest), scan.header(), "f.ts", part.firstCase());
      for (long done = 0; done < part.cases(); done++) {
        cases.add(reader.next());
      }
    }
    return cases;
  }
}
