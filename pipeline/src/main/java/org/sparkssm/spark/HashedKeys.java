package org.sparkssm.spark;

import org.apache.spark.unsafe.types.UTF8String;
import org.sparkssm.data.InvalidInputException;

/** Keys of sequences whose ids are 64-bit hashes of them. */
final class HashedKeys {
  private HashedKeys() {}

  /**
   * Checks two keys with the same hash.
   *
   * @throws InvalidInputException if they differ
   */
  static void checkSame(UTF8String key, UTF8String other) {
    if (!key.equals(other)) {
      throw new InvalidInputException(
          "the keys '"
              + key
              + "' and '"
              + other
              + "' have the same 64-bit hash; rename one of them");
    }
  }
}
