package org.sparkssm.ml;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Trained weights in processes of their own, which differ in cores, mode and serializer. */
class TrainedWeightsIT {
  private static final String JAVA = "org.apache.spark.serializer.JavaSerializer";
  private static final String KRYO = "org.apache.spark.serializer.KryoSerializer";

  @Test
  void coresModeAndSerializerDoNotChangeABit() throws IOException, InterruptedException {
    String oneCore = weights("local[1]", JAVA, "auto");
    assertEquals(oneCore, weights("local[2]", JAVA, "auto"));
    assertEquals(oneCore, weights("local[3]", KRYO, "barrier"));
    assertEquals(oneCore, weights("local[2]", KRYO, "elastic"));
  }

  private static String weights(String master, String serializer, String mode)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElseThrow());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--add-opens") || argument.startsWith("-XX"))
        .forEach(command::add);
    command.add("-Xmx1g");
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(TrainedWeightsProgram.class.getName());
    command.addAll(List.of(master, serializer, mode));
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), () -> output);
    return output
        .lines()
        .filter(line -> line.startsWith(TrainedWeightsProgram.PREFIX))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no weights in: " + output));
  }
}
