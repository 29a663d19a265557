package org.sparkssm.spark;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkssm.data.InvalidInputException;

/**
 * The right to write checkpoints into a folder, held by one driver at a time: a file made by
 * exclusive create, renewed while the driver lives. A lease that has not been renewed for its whole
 * length, as watched here and not by anybody's clock, is left over from a driver that died, and is
 * taken over.
 */
final class CheckpointLease implements AutoCloseable {
  /** Name of the file. */
  static final String FILE = "_lease.json";

  private static final Logger LOG = LoggerFactory.getLogger(CheckpointLease.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final FileSystem fileSystem;
  private final Path file;
  private final String owner;
  private final String description;
  private final ScheduledExecutorService renewals;
  private long renewed;
  private volatile String thief;

  private CheckpointLease(
      FileSystem fileSystem, Path file, String owner, String description, Duration length) {
    this.fileSystem = fileSystem;
    this.file = file;
    this.owner = owner;
    this.description = description;
    this.renewals =
        Executors.newSingleThreadScheduledExecutor(
            work -> {
              Thread thread = new Thread(work, "spark-ssm-checkpoint-lease");
              thread.setDaemon(true);
              return thread;
            });
    long third = length.toMillis() / 3;
    var unused = renewals.scheduleWithFixedDelay(this::renew, third, third, TimeUnit.MILLISECONDS);
  }

  /**
   * Takes the lease of a folder; waits for its length if somebody seems to hold it.
   *
   * @param owner tells this run from all others
   * @param description of this driver, for the messages of others
   * @throws InvalidInputException if another driver holds it
   */
  static CheckpointLease take(
      FileSystem fileSystem, Path folder, String owner, String description, Duration length)
      throws IOException {
    Path file = new Path(folder, FILE);
    String seen = "";
    long deadline = 0;
    while (!create(fileSystem, file, text(owner, description, 0))) {
      String found = read(fileSystem, file);
      if (found == null) {
        continue; // it has just been given free
      }
      if (deadline == 0) {
        LOG.info("{} has a lease; waiting {} s for signs of life", folder, length.toSeconds());
        deadline = System.nanoTime() + length.toNanos();
      }
      boolean written = !found.isEmpty();
      if (written && !seen.isEmpty() && !found.equals(seen)) {
        throw new InvalidInputException(
            "the checkpoint folder %s is in use by %s; choose another folder or end that one"
                .formatted(folder, describe(found)));
      }
      seen = written ? found : seen;
      if (System.nanoTime() - deadline > 0) {
        LOG.warn("{} was left by {}, which is gone; it is taken over", file, describe(seen));
        fileSystem.delete(file, false);
      } else {
        pause(Duration.ofMillis(Math.min(500, Math.max(10, length.toMillis() / 20))));
      }
    }
    return new CheckpointLease(fileSystem, file, owner, description, length);
  }

  private static boolean create(FileSystem fileSystem, Path file, String text) throws IOException {
    try (OutputStream out = fileSystem.create(file, false)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    } catch (IOException e) {
      if (fileSystem.exists(file)) {
        return false; // some file systems say so in other words
      }
      throw e;
    }
  }

  private static String read(FileSystem fileSystem, Path file) throws IOException {
    try (InputStream in = fileSystem.open(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (FileNotFoundException e) {
      return null;
    } catch (ChecksumException | EOFException e) {
      return ""; // it is being written
    }
  }

  private static String text(String owner, String description, long renewed) {
    return JSON.createObjectNode()
        .put("owner", owner)
        .put("description", description)
        .put("renewed", renewed)
        .toString();
  }

  private static JsonNode parsed(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      return JSON.createObjectNode();
    }
  }

  private static String describe(String text) {
    return parsed(text).path("description").asText("another driver");
  }

  private static void pause(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("the training was interrupted");
    }
  }

  private synchronized void renew() {
    try {
      if (isOurs()) {
        renewed++;
        try (OutputStream out = fileSystem.create(file, true)) {
          out.write(text(owner, description, renewed).getBytes(StandardCharsets.UTF_8));
        }
      }
    } catch (IOException e) {
      LOG.warn("{} could not be renewed: {}", file, HadoopFiles.reason(e));
    }
  }

  private boolean isOurs() throws IOException {
    String found = read(fileSystem, file);
    if (found != null && !found.isEmpty()) {
      JsonNode lease = parsed(found);
      if (!lease.path("owner").asText(owner).equals(owner)) {
        thief = describe(found);
      }
    }
    return thief == null;
  }

  /**
   * Checks that nobody has taken the folder over.
   *
   * @throws InvalidInputException if somebody has
   */
  synchronized void require() throws IOException {
    if (!isOurs()) {
      throw new InvalidInputException(
          "the checkpoint folder %s was taken over by %s".formatted(file.getParent(), thief));
    }
  }

  /** Gives the folder free. */
  @Override
  public void close() {
    renewals.shutdownNow();
    synchronized (this) {
      try {
        if (isOurs()) {
          fileSystem.delete(file, false);
        }
      } catch (IOException e) {
        LOG.warn("{} could not be removed: {}", file, HadoopFiles.reason(e));
      }
    }
  }
}
