package org.sparkssm.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.sparkssm.data.DataSetManifest.MissingValues;
import org.sparkssm.data.DataSetManifest.Shard;
import org.sparkssm.data.DataSetManifest.Standardization;

class DataSetManifestTest {
  private static DataSetManifest complete() {
    return DataSetManifest.builder("toy")
        .generator("area", -5)
        .parameter("length", 100)
        .channels(List.of("x1", "x2"))
        .label(LabelDescription.classes(List.of("no", "yes")))
        .missing(new MissingValues("drop", 3, 0, 2, 1))
        .standardization(new Standardization(List.of(0.1, 2.0), List.of(1.0, 3.5), "train"))
        .written(10, 1000, 90, 110, Map.of("train", 7L, "test", 3L))
        .content(List.of(new Shard("part-0.parquet", 1234)), "00ff", "{\"type\":\"struct\"}")
        .build();
  }

  @Test
  void jsonKeepsEverything() {
    DataSetManifest manifest = complete();

    assertEquals(manifest, DataSetManifest.fromJson(manifest.toJson(), "here"));
    assertTrue(LibraryVersion.current().matches("\\d+\\.\\d+\\.\\d+.*"), LibraryVersion.current());
  }

  @Test
  void damagedAndForeignManifestsAreRefused() {
    String json = complete().toJson();
    assertRefused("f is damaged: it is not the JSON of a manifest", json.substring(0, 200));
    assertRefused("f is damaged: it has no formatVersion", "{}");
    assertRefused(
        "f has format version 2, this library (version " + LibraryVersion.current(),
        json.replace("\"formatVersion\" : 1", "\"formatVersion\" : 2"));
    assertRefused(
        "f is damaged: name, fingerprint, schema or shards are missing",
        json.replace("\"fingerprint\"", "\"finger\""));
    assertRefused(
        "f is damaged: it is not the JSON of a manifest",
        json.replace("\"count\" : 10", "\"count\" : \"ten\""));
  }

  private static void assertRefused(String beginning, String json) {
    InvalidInputException failure =
        assertThrows(InvalidInputException.class, () -> DataSetManifest.fromJson(json, "f"));
    assertTrue(failure.getMessage().startsWith(beginning), failure.getMessage());
  }
}
