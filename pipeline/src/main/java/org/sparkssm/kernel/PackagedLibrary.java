package org.sparkssm.kernel;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A native library that travels in a jar under {@code org/sparkssm/kernel/native/FOLDER/}, beside a
 * file {@code library.name} that says what it is called: a name that carries a hash of its content.
 */
final class PackagedLibrary {
  private PackagedLibrary() {}

  /**
   * Unpacks the library, unless that has been done, and loads it.
   *
   * @return whether there is one on the class path
   * @throws IOException if it cannot be unpacked
   * @throws LinkageError if it cannot be loaded
   */
  static boolean load(String folder) throws IOException {
    String prefix = "native/" + folder + "/";
    String name = resourceText(prefix + "library.name");
    if (name == null) {
      return false;
    }
    System.load(unpack(prefix + name, name).toString());
    return true;
  }

  private static String resourceText(String name) throws IOException {
    try (InputStream in = PackagedLibrary.class.getResourceAsStream(name)) {
      return in == null ? null : new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
    }
  }

  private static Path unpack(String resource, String name) throws IOException {
    URL url = PackagedLibrary.class.getResource(resource);
    if (url == null) {
      throw new IOException("the jar lacks " + resource);
    }
    Path folder = cacheFolder();
    Path library = folder.resolve(name);
    byte[] content;
    try (InputStream in = url.openStream()) {
      content = in.readAllBytes();
    }
    if (Files.isRegularFile(library) && Files.size(library) == content.length) {
      return library;
    }
    Files.createDirectories(folder);
    Path whole = Files.createTempFile(folder, name, ".tmp");
    try {
      Files.write(whole, content);
      Files.move(
          whole, library, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(whole);
    }
    return library;
  }

  private static Path cacheFolder() {
    String folder = System.getProperty(NativeLibrary.CACHE_PROPERTY);
    if (folder == null) {
      folder = System.getenv("SPARK_SSM_CACHE");
    }
    if (folder == null) {
      folder = Path.of(System.getProperty("java.io.tmpdir"), "spark-ssm-native").toString();
    }
    return Path.of(folder).toAbsolutePath();
  }
}
