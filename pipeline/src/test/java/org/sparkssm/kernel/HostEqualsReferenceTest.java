package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Every operation of {@link Kernels} on the host gives what the reference kernels of double
 * precision give, on random shapes, strides and segments, and touches nothing outside its outputs.
 */
class HostEqualsReferenceTest {
  private static final int CASES = 24;

  /** Memory and description; covered by {@link HostKernelsTest}. */
  private static final Set<String> NOT_ARITHMETIC =
      Set.of("description", "zeros", "allocate", "scope", "write", "toDoubles", "read", "close");

  @Test
  void everyOperationOfTheInterfaceIsCompared() {
    Set<String> expected = new TreeSet<>();
    for (Method method : Kernels.class.getDeclaredMethods()) {
      if (Modifier.isAbstract(method.getModifiers())
          && !NOT_ARITHMETIC.contains(method.getName())) {
        expected.add(method.getName());
      }
    }
    assertEquals(expected, OperationCases.OPERATIONS.keySet());
  }

  @TestFactory
  Stream<DynamicTest> everyOperationEqualsTheReference() {
    return HostKernelsTest.targets().stream()
        .flatMap(
            target ->
                OperationCases.OPERATIONS.entrySet().stream()
                    .map(
                        entry ->
                            DynamicTest.dynamicTest(
                                entry.getKey() + " on " + target,
                                () -> compare(target, entry.getKey(), entry.getValue()))));
  }

  @AfterEach
  void selectBestTarget() {
    HostKernelsTest.select("auto");
  }

  private static void compare(String target, String name, OperationCases.Operation operation) {
    HostKernelsTest.select(target);
    try (HostKernels host = new HostKernels();
        ReferenceKernels reference = new ReferenceKernels(Precision.DOUBLE)) {
      for (long seed = 0; seed < CASES; seed++) {
        OperationCases.Case expected = new OperationCases.Case(reference, seed);
        long number = seed;
        operation.run(expected);
        OperationCases.Case actual = new OperationCases.Case(host, seed);
        host.scope(
            () -> {
              operation.run(actual);
              double distance = actual.distance(expected);
              assertTrue(
                  distance <= 1,
                  name + " with seed " + number + " is off by " + distance + " times");
              return null;
            });
      }
    } finally {
      HostKernelsTest.select("auto");
    }
  }
}
