package org.sparkssm.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.sparkssm.kernel.HostKernels;
import org.sparkssm.kernel.Kernels;
import org.sparkssm.kernel.Tensor;

/**
 * Times an operation on a batch whose sequences are dealt out to threads, each with kernels and
 * memory of its own, as Spark's tasks have them. A time lasts from the moment all threads may begin
 * until the last one ends; gradients of what the threads share are left for each thread.
 */
final class OperationTiming implements AutoCloseable {
  private static final int LEAST = 5;

  private final List<Kernels> kernels = new ArrayList<>();
  private final List<Operation> operations = new ArrayList<>();
  private final List<Thread> followers = new ArrayList<>();
  private final AtomicInteger round = new AtomicInteger();
  private final AtomicInteger done = new AtomicInteger();
  private volatile boolean ended;
  private volatile boolean both;

  OperationTiming(JsonNode request) {
    int threads = request.get("threads").intValue();
    int batch = request.get("batch").intValue();
    boolean trained = request.get("backward").booleanValue();
    for (int t = 0; t < threads; t++) {
      kernels.add(new HostKernels());
      Operands operands =
          new Operands(
              kernels.get(t),
              Path.of(request.get("folder").textValue()),
              t * batch / threads,
              (t + 1) * batch / threads,
              request.get("length").intValue());
      operations.add(
          Operations.of(
              request.get("operation").textValue(), request.get("sizes"), trained, operands));
    }
    for (int t = 1; t < threads; t++) {
      Operation operation = operations.get(t);
      Thread thread = new Thread(() -> follow(operation), "timed");
      thread.setDaemon(true);
      followers.add(thread);
      thread.start();
    }
  }

  private void follow(Operation operation) {
    for (int seen = 0; ; seen++) {
      while (round.get() == seen) {
        if (ended) {
          return;
        }
        Thread.onSpinWait();
      }
      run(operation);
      done.incrementAndGet();
    }
  }

  private void run(Operation operation) {
    operation.forward();
    if (both) {
      operation.backward();
    }
  }

  private double seconds(boolean withBackward) {
    both = withBackward;
    done.set(0);
    long before = System.nanoTime();
    round.incrementAndGet();
    run(operations.get(0));
    while (done.get() < operations.size() - 1) {
      Thread.onSpinWait();
    }
    return (System.nanoTime() - before) * 1e-9;
  }

  /**
   * The shortest of at least 5 times, and of as many as fit into a while.
   *
   * @param withBackward forward and backward; else the forward alone
   */
  double shortest(boolean withBackward, double enough) {
    long began = System.nanoTime();
    double shortest = Double.POSITIVE_INFINITY;
    for (int i = 0; i < LEAST || (System.nanoTime() - began) * 1e-9 < enough; i++) {
      double seconds = seconds(withBackward);
      if (i > 0) {
        shortest = Math.min(shortest, seconds);
      }
    }
    return shortest;
  }

  /** Writes what was computed to files {@code out.NAME.f32}, shares of threads added up. */
  void write(Path folder) throws IOException {
    List<Operation.Result> results = operations.get(0).results();
    for (int r = 0; r < results.size(); r++) {
      List<float[]> parts = new ArrayList<>();
      for (int t = 0; t < operations.size(); t++) {
        Tensor tensor = operations.get(t).results().get(r).tensor();
        float[] values = new float[Math.toIntExact(tensor.size())];
        kernels.get(t).read(tensor, values, 0);
        if (t > 0 && !results.get(r).ofRows()) {
          for (int i = 0; i < values.length; i++) {
            parts.get(0)[i] += values[i];
          }
        } else {
          parts.add(values);
        }
      }
      int size = parts.stream().mapToInt(part -> part.length).sum();
      ByteBuffer bytes = ByteBuffer.allocate(size * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      FloatBuffer all = bytes.asFloatBuffer();
      parts.forEach(all::put);
      Files.write(folder.resolve("out." + results.get(r).name() + ".f32"), bytes.array());
    }
  }

  @Override
  public void close() {
    ended = true;
    while (followers.stream().anyMatch(Thread::isAlive)) {
      Thread.onSpinWait();
    }
    kernels.forEach(Kernels::close);
  }
}
