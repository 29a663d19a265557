package org.sparkssm.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class NativeLibraryTest {
  @Test
  void loadsAndNamesItsInstructionSet() {
    assertEquals(java.util.Optional.empty(), NativeLibrary.unavailableReason());
    assertTrue(
        NativeLibrary.targetName().matches("x86-64-v[234]|generic"), NativeLibrary.targetName());
  }

  @Test
  void statusesBecomeExceptions() {
    NativeLibrary.check(0, "f");
    assertThrows(IllegalArgumentException.class, () -> NativeLibrary.check(1, "f"));
    assertThrows(OutOfMemoryError.class, () -> NativeLibrary.check(2, "f"));
  }
}
