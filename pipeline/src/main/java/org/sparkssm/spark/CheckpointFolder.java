package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;
import org.sparkssm.train.StateFile;
import org.sparkssm.train.TrainingIdentity;
import org.sparkssm.train.TrainingState;
import org.sparkssm.train.WeightsHash;

/**
 * Checkpoints of a training on any Hadoop file system. Each has a folder of its own, named by step,
 * run and attempt, with the state and, written last, the small file {@value #COMMIT}: without that
 * it does not exist. Nothing is renamed.
 */
final class CheckpointFolder {
  /** Name of the file that makes a checkpoint valid. */
  static final String COMMIT = "_checkpoint.json";

  private static final String STATE = "state.safetensors";
  private static final String PREFIX = "step-";
  private static final int FORMAT_VERSION = 1;

  /** A damaged checkpoint is passed over for the one before it. */
  private static final int KEPT = 3;

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointFolder.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final FileSystem fileSystem;
  private final Path folder;

  CheckpointFolder(String folder, Configuration configuration) {
    this.folder = HadoopFiles.path(folder);
    this.fileSystem = HadoopFiles.fileSystem(this.folder, configuration);
  }

  /** A state that has been written and not yet been committed. */
  record Written(long step, String name, String sha256, long bytes) {}

  /**
   * Makes the folder if need be and takes its lease.
   *
   * @throws InvalidInputException if it cannot be written, or another driver uses it
   */
  CheckpointLease lease(String owner, String description, Duration length) {
    try {
      if (!fileSystem.mkdirs(folder)) {
        throw new IOException("it could not be created");
      }
      return CheckpointLease.take(fileSystem, folder, owner, description, length);
    } catch (IOException e) {
      throw new InvalidInputException(
          "the checkpoint folder %s cannot be written: %s".formatted(folder, HadoopFiles.reason(e)),
          e);
    }
  }

  /**
   * Writes a state into a folder of its own.
   *
   * @param run of the driver
   * @param attempt greater for later attempts
   */
  Written write(TrainingState state, String run, long attempt) throws IOException {
    String name = "%s%012d-%s-%d".formatted(PREFIX, state.step(), run, attempt);
    Path file = new Path(new Path(folder, name), STATE);
    DigestOutputStream digest =
        new DigestOutputStream(fileSystem.create(file, true), WeightsHash.digest());
    try (OutputStream out = digest) {
      StateFile.write(state, out);
    } catch (IOException e) {
      fileSystem.delete(file.getParent(), true);
      throw e;
    }
    return new Written(
        state.step(),
        name,
        WeightsHash.hexadecimal(digest.getMessageDigest().digest()),
        fileSystem.getFileStatus(file).getLen());
  }

  /** Makes a written state a checkpoint, and removes those that are no longer needed. */
  void commit(Written written, TrainingIdentity identity) throws IOException {
    ObjectNode commit = JSON.createObjectNode();
    commit.put("formatVersion", FORMAT_VERSION);
    commit.put("step", written.step());
    commit.put("sha256", written.sha256());
    commit.put("bytes", written.bytes());
    commit.set("training", identity.toJson());
    Path file = new Path(new Path(folder, written.name()), COMMIT);
    try (OutputStream out = fileSystem.create(file, true)) {
      out.write((commit.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8));
    }
    prune(written.step());
  }

  /** Keeps the last few checkpoints; whatever else lies before them goes. */
  private void prune(long latest) throws IOException {
    int committed = 0;
    for (Path checkpoint : checkpoints()) {
      boolean valid = fileSystem.exists(new Path(checkpoint, COMMIT));
      if (committed >= KEPT || (!valid && step(checkpoint) < latest)) {
        fileSystem.delete(checkpoint, true);
      } else if (valid) {
        committed++;
      }
    }
  }

  /** Folders of checkpoints, those of later steps first. */
  private List<Path> checkpoints() throws IOException {
    List<Path> found = new ArrayList<>();
    try {
      for (FileStatus child : fileSystem.listStatus(folder)) {
        if (child.isDirectory() && step(child.getPath()) >= 0) {
          found.add(child.getPath());
        }
      }
    } catch (FileNotFoundException e) {
      return List.of();
    }
    found.sort(
        Comparator.comparingLong(CheckpointFolder::step).thenComparing(Path::getName).reversed());
    return found;
  }

  /** The step in a folder's name, or -1. */
  private static long step(Path checkpoint) {
    String[] parts = checkpoint.getName().split("-", 3);
    if (parts.length < 3 || !(parts[0] + "-").equals(PREFIX)) {
      return -1;
    }
    try {
      return Long.parseLong(parts[1]);
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  /**
   * The step of the latest checkpoint, whoever made it; empty if there is none.
   *
   * @throws InvalidInputException if the folder cannot be read
   */
  Optional<Long> latestStep() {
    try {
      for (Path checkpoint : checkpoints()) {
        if (fileSystem.exists(new Path(checkpoint, COMMIT))) {
          return Optional.of(step(checkpoint));
        }
      }
      return Optional.empty();
    } catch (IOException e) {
      throw HadoopFiles.unreadable(folder, e);
    }
  }

  /**
   * The latest checkpoint that is whole; damaged ones are passed over with a warning.
   *
   * @param identity of the training that wants to go on
   * @return empty if there is none
   * @throws InvalidInputException if it belongs to another training, or all are damaged
   */
  Optional<TrainingState> latest(TrainingIdentity identity) {
    try {
      int damaged = 0;
      for (Path checkpoint : checkpoints()) {
        Optional<String> commit =
            HadoopFiles.readText(new Path(checkpoint, COMMIT), fileSystem.getConf());
        if (commit.isEmpty()) {
          continue;
        }
        try {
          return Optional.of(read(checkpoint, commit.get(), identity));
        } catch (Damaged | IOException e) {
          LOG.warn("The checkpoint {} is passed over: {}", checkpoint, e.getMessage());
          damaged++;
        }
      }
      if (damaged > 0) {
        throw new InvalidInputException(
            "the checkpoint folder %s holds %d checkpoints, all of them damaged"
                .formatted(folder, damaged));
      }
      return Optional.empty();
    } catch (IOException e) {
      throw HadoopFiles.unreadable(folder, e);
    }
  }

  private TrainingState read(Path checkpoint, String text, TrainingIdentity identity)
      throws IOException, Damaged {
    JsonNode commit;
    try {
      commit = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new Damaged(COMMIT + " is not JSON");
    }
    if (!commit.path("training").isObject()) {
      throw new Damaged(COMMIT + " is not whole");
    }
    List<String> differences =
        identity.differencesFrom(TrainingIdentity.of(commit.path("training")));
    if (!differences.isEmpty()) {
      throw new InvalidInputException(
          "the checkpoint %s is of another training: %s; choose another checkpoint folder"
              .formatted(checkpoint, String.join("; ", differences)));
    }
    Path file = new Path(checkpoint, STATE);
    byte[] content;
    try (InputStream in = fileSystem.open(file)) {
      content = in.readAllBytes();
    }
    byte[] hash = WeightsHash.digest().digest(content);
    if (!WeightsHash.hexadecimal(hash).equals(commit.path("sha256").asText())) {
      throw new Damaged(
          "%s has %d bytes and another hash than the %d bytes written"
              .formatted(STATE, content.length, commit.path("bytes").asLong()));
    }
    return StateFile.read(new ByteArrayInputStream(content), file.toString());
  }

  /** A checkpoint that cannot be used. */
  private static final class Damaged extends Exception {
    private static final long serialVersionUID = 1L;

    Damaged(String message) {
      super(message);
    }
  }
}
