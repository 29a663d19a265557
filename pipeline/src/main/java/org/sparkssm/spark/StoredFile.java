package org.sparkssm.spark;

/**
 * A file that a manifest lists.
 *
 * @param file path inside the manifest's folder
 * @param bytes its size
 */
public record StoredFile(String file, long bytes) {}
