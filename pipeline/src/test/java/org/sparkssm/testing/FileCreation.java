package org.sparkssm.testing;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;

/** Lets a test act just before one of its file systems creates a file, on the writing thread. */
public final class FileCreation {
  private static final AtomicReference<Consumer<Path>> LISTENER = new AtomicReference<>(path -> {});

  private FileCreation() {}

  /** Calls the listener from now on; it may block. */
  public static void listen(Consumer<Path> listener) {
    LISTENER.set(listener);
  }

  /** Calls nobody any more. */
  public static void ignore() {
    LISTENER.set(path -> {});
  }

  static void tell(Path path) {
    LISTENER.get().accept(path);
  }
}
