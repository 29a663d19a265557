package org.sparkssm.jobs;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.nd4j.linalg.factory.Nd4j;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.data.LibraryVersion;
import org.sparkssm.kernel.CudaKernels;
import org.sparkssm.kernel.Device;
import org.sparkssm.kernel.GpuSettings;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.NativeLibrary;
import org.sparkssm.kernel.SelfTest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Says what this installation is and what it would compute with. */
@Command(
    name = "info",
    description = "Shows versions, the instruction set in use, device and linear algebra library.")
final class InfoCommand extends JobCommand {
  @Option(
      names = "--self-test",
      description =
          "Also compare every operation of this machine's processor and first GPU with the"
              + " reference kernels, with timings; a difference is an error.")
  private boolean selfTest;

  @Override
  protected Map<String, Object> execute() {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("version", LibraryVersion.current());
    facts.put(
        "java", System.getProperty("java.version") + ", " + System.getProperty("java.vm.name"));
    facts.put("platform", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    facts.put("cores", Runtime.getRuntime().availableProcessors());
    facts.put("spark", org.apache.spark.package$.MODULE$.SPARK_VERSION());
    facts.put("scala", scala.util.Properties$.MODULE$.versionNumberString());
    addKernels(facts);
    addLinearAlgebra(facts);
    facts.forEach((name, value) -> tell(String.format("%-16s%s", name, value)));
    if (selfTest) {
      testKernels(facts);
    }
    return facts;
  }

  private void addKernels(Map<String, Object> facts) {
    boolean available = NativeLibrary.isAvailable();
    facts.put("kernels", available ? "native" : "pure Java");
    if (available) {
      facts.put("cpuTarget", NativeLibrary.targetName());
    } else {
      facts.put("whyPureJava", NativeLibrary.unavailableReason().orElse(""));
    }
    facts.put("gpu", CudaKernels.unavailableReason(GpuSettings.FIRST).orElseGet(this::gpu));
    try (Kernels taken = Device.AUTO.open()) {
      facts.put("device", taken.description());
    }
  }

  private String gpu() {
    try (Kernels kernels = new CudaKernels(GpuSettings.FIRST)) {
      return kernels.description();
    }
  }

  private void testKernels(Map<String, Object> facts) {
    ByteArrayOutputStream report = new ByteArrayOutputStream();
    boolean passed = SelfTest.run(new PrintStream(report, true, StandardCharsets.UTF_8));
    String text = report.toString(StandardCharsets.UTF_8);
    text.lines().forEach(this::tell);
    if (!passed) {
      throw new InvalidInputException("the self-test failed: see its lines marked FAIL");
    }
    facts.put("selfTest", "passed");
  }

  private static void addLinearAlgebra(Map<String, Object> facts) {
    try {
      facts.put("nd4j", Nd4j.getBackend().getClass().getSimpleName());
      facts.put("blas", Nd4j.factory().blas().getBlasVendor() + "");
    } catch (LinkageError | RuntimeException e) {
      facts.put("nd4j", "not available: " + e.getMessage());
    }
  }
}
